import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type CliIo, UsageError } from './io.ts';

/** What `farshore init` was told, on the command line or at the terminal. */
export interface InitAnswers {
  readonly region: string;
  readonly primaryName: string;
  readonly primary: KafkaAnswer;
  readonly regional: KafkaAnswer;
  readonly registry: RegistryAnswer | undefined;
  readonly database: DatabaseAnswer | undefined;
  readonly primaryDatabase: DatabaseAnswer | undefined;
  readonly tokenFile: string | undefined;
  /** Whether both names were chosen: they cannot be changed later. */
  readonly isNamed: boolean;
}

interface KafkaAnswer {
  readonly brokers: readonly string[];
  readonly caFile: string | undefined;
  readonly sasl: { readonly mechanism: string; readonly username: string; readonly passwordFile: string } | undefined;
}

export type RegistryAnswer =
  | { readonly directory: string }
  | { readonly url: string; readonly username: string | undefined; readonly passwordFile: string | undefined };

/** An address with a password is asked with, and never written: the configuration names a file in its place. */
export type DatabaseAnswer = (
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'address'; readonly url: string; readonly isSecret: boolean }
) & { readonly caFile: string | undefined };

export interface InitOptions {
  readonly primary?: string;
  readonly regional?: string;
  readonly database?: string;
  readonly databaseFile?: string;
  readonly databaseCa?: string;
  readonly primaryDatabase?: string;
  readonly primaryDatabaseFile?: string;
  readonly registry?: string;
  readonly registryUser?: string;
  readonly registryPasswordFile?: string;
  readonly region?: string;
  readonly primaryName?: string;
  readonly ca?: string;
  readonly mechanism?: string;
  readonly primaryUser?: string;
  readonly primaryPasswordFile?: string;
  readonly regionalUser?: string;
  readonly regionalPasswordFile?: string;
  readonly tokenFile?: string;
  readonly config?: string;
  readonly force?: boolean;
}

export const withInitOptions = (command: Command): Command =>
  command
    .option('--primary <brokers>', 'the primary’s Kafka: host:port, several with commas')
    .option('--regional <brokers>', 'the region’s Kafka')
    .option('--database <url>', 'the region’s database: postgres://user@host:5432/name')
    .option('--database-file <file>', 'file that holds this address, with its password')
    .option('--registry <url>', 'the primary’s schema registry, or a folder of .avsc files')
    .option('--primary-database <url>', 'the primary’s database, which the audit reads')
    .option('--primary-database-file <file>', 'file that holds this address')
    .option('--region <name>', 'name of this region; part of transactional ids, not to be changed later')
    .option('--primary-name <name>', 'name of the primary; the same')
    .option('--ca <file>', 'TLS at both clusters, with the authorities of this PEM file (`system`: those of the system)')
    .option('--mechanism <name>', 'login at both clusters: scram-sha-512, scram-sha-256 or plain', 'scram-sha-512')
    .option('--primary-user <name>', 'user name at the primary’s Kafka')
    .option('--primary-password-file <file>', 'file that holds its password')
    .option('--regional-user <name>', 'user name at the region’s Kafka')
    .option('--regional-password-file <file>', 'file that holds its password')
    .option('--registry-user <name>', 'user name at the registry')
    .option('--registry-password-file <file>', 'file that holds its password')
    .option('--database-ca <file>', 'TLS at the databases, with the authorities of this PEM file')
    .option('--token-file <file>', 'file with the token that changes at the daemon will need')
    .option('--config <file>', 'write there instead of to stdout')
    .option('--force', 'replace the file if there is one');

/** Undefined where no address is known: then there is nothing to ask. */
export async function initAnswers(io: CliIo, options: InitOptions): Promise<InitAnswers | undefined> {
  const ask = async (question: string, given: string | undefined): Promise<string | undefined> => {
    if (given !== undefined || io.prompt === undefined) return given;
    return (await io.prompt(question)).trim() || undefined;
  };
  const primary = await ask('Brokers of the primary, host:port (empty: only print an example): ', options.primary);
  if (primary === undefined && options.regional === undefined) {
    refuseWithoutAddress(options);
    return undefined;
  }
  const regional = await ask('Brokers of the region: ', options.regional);
  if (primary === undefined || regional === undefined) {
    throw new UsageError(`give both clusters: --${primary === undefined ? 'primary' : 'regional'} BROKERS is missing`);
  }
  const registry = await ask('Schema registry of the primary, an address or a folder (empty: none): ', options.registry);
  const told = options.database ?? options.databaseFile;
  const database = await ask('Database of the region, postgres://user@host:5432/name or a file that holds it (empty: later): ', told);
  const source = options.primaryDatabase ?? options.primaryDatabaseFile;
  const primaryDatabase = await ask('Database of the primary, which the audit reads (empty: no audit): ', source);
  const region = await ask('Name of this region: ', options.region);
  const primaryName = await ask('Name of the primary: ', options.primaryName);
  const login = (user: string | undefined, file: string | undefined, side: string): KafkaAnswer['sasl'] => {
    if (user === undefined && file === undefined) return undefined;
    if (user === undefined || file === undefined) throw new UsageError(`--${side}-user and --${side}-password-file belong together`);
    return { mechanism: options.mechanism ?? 'scram-sha-512', username: user, passwordFile: resolve(file) };
  };
  const caFile = options.ca === undefined || options.ca === 'system' ? options.ca : resolve(options.ca);
  return {
    region: region ?? 'region',
    primaryName: primaryName ?? 'primary',
    isNamed: region !== undefined && primaryName !== undefined,
    primary: { brokers: listed(primary), caFile, sasl: login(options.primaryUser, options.primaryPasswordFile, 'primary') },
    regional: { brokers: listed(regional), caFile, sasl: login(options.regionalUser, options.regionalPasswordFile, 'regional') },
    registry: registry === undefined ? undefined : registryAnswer(registry, options),
    tokenFile: options.tokenFile === undefined ? undefined : resolve(options.tokenFile),
    database: databaseAnswer(database, options),
    primaryDatabase: databaseAnswer(primaryDatabase, options),
  };
}

/** The other options say how or what to ask: without a cluster they would be lost without a word. */
function refuseWithoutAddress({ config: _config, force: _force, mechanism: _mechanism, ...others }: InitOptions): void {
  const [first] = Object.keys(others);
  if (first === undefined) return;
  const name = first.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new UsageError(`--${name} needs the clusters: give --primary BROKERS and --regional BROKERS`);
}

const listed = (brokers: string): readonly string[] =>
  brokers
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');

const registryAnswer = (given: string, { registryUser, registryPasswordFile }: InitOptions): RegistryAnswer =>
  /^https?:\/\//.test(given)
    ? { url: given, username: registryUser, passwordFile: registryPasswordFile === undefined ? undefined : resolve(registryPasswordFile) }
    : { directory: resolve(given) };

function databaseAnswer(given: string | undefined, { databaseCa }: InitOptions): DatabaseAnswer | undefined {
  if (given === undefined) return undefined;
  const caFile = databaseCa === undefined ? undefined : resolve(databaseCa);
  if (!/^postgres(ql)?:/.test(given)) return { kind: 'file', file: resolve(given), caFile };
  return { kind: 'address', url: given, isSecret: URL.canParse(given) && hasSecret(new URL(given)), caFile };
}

const hasSecret = ({ password, searchParams }: URL): boolean => password !== '' || searchParams.has('password');
