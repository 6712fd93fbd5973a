import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import avro from 'avsc';
import type { DaemonStatus, PartitionStatus } from '../../src/model/status.ts';
import { eventually } from '../rig/context.ts';
import { repositoryRoot } from '../rig/paths.ts';
import { freePorts } from '../rig/ports.ts';
import { type SupervisedServer, supervise } from '../rig/supervised.ts';

/** The one record shape of the scenarios: a key, a text, a long, and a version field. */
export const rowSchema = {
  type: 'record',
  name: 'Row',
  namespace: 'com.company.test',
  fields: [
    { name: 'id', type: 'int' },
    { name: 'note', type: 'string' },
    { name: 'version', type: 'int' },
  ],
} as const;
export const ROW_SCHEMA_ID = 7;
const CLI_LIMIT_MS = 120_000;
const rowType = avro.Type.forSchema(rowSchema as unknown as avro.Schema);

/** A value in Confluent's wire format. */
export function rowValue(id: number, note: string, version: number, schemaId = ROW_SCHEMA_ID): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(schemaId, 1);
  return Buffer.concat([head, rowType.toBuffer({ id, note, version })]);
}

export const rowTable = (name: string): string =>
  `create table ${name} (id integer primary key, note text not null, version integer not null, farshore_version bytea)`;

export interface DaemonOptions {
  /** `host:port`, or several with commas between. */
  readonly primary: string;
  readonly regional: string;
  readonly database: string;
  /** Unique where clusters are shared: it names the transactional id and the position group. */
  readonly region: string;
  readonly topics: readonly string[];
  /** Lines of `apply.tables`, in YAML flow style. */
  readonly tables?: readonly string[];
  /** Further YAML under `mirror:`. */
  readonly mirror?: readonly string[];
  readonly heartbeat?: boolean;
  /** Further keys of `primary.kafka`, in YAML flow style: `tls: {…}, sasl: {…}`. */
  readonly primaryLogin?: string;
  readonly regionalLogin?: string;
  /** Further keys of the databases; a `database` that is no address names the file that holds it. */
  readonly databaseTls?: string;
  /** Files to write into the daemon's folder, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** Further schemas of the registry, by id. */
  readonly schemas?: Readonly<Record<number, string>>;
  /** In YAML flow style; default the directory of schemas in the daemon's folder. */
  readonly registry?: string;
  /** In YAML flow style; left out: the region has none of its own. */
  readonly regionalRegistry?: string;
  /** Address of the primary's database, which is only read, or the file that holds it; `databaseTls` counts for it too. */
  readonly primaryDatabase?: string;
  /** Default us-east. */
  readonly primaryName?: string;
  /** Default 1000. */
  readonly heartbeatMs?: number;
  /** Whole lines of the configuration's top level. */
  readonly extra?: readonly string[];
}

/** Secrets of every daemon of the trials and scenarios, that nothing it says may hold. The rig's database asks for no password and takes any. */
const canaries = { database: 'canary-of-the-database', token: 'scenario-token' } as const;

function withCanary(address: string): string {
  if (!address.startsWith('postgres')) return address;
  const url = new URL(address);
  if (url.password === '') url.password = canaries.database;
  return url.href;
}

/** Throws when a text holds a secret, without showing it. */
export function expectNoSecret(what: string, text: string): void {
  for (const [name, canary] of Object.entries(canaries)) if (text.includes(canary)) throw new Error(`${what} holds the ${name} secret`);
}

const listed = (bootstrap: string): string => JSON.stringify(bootstrap.split(','));

/** A daemon as an operator runs it: a process from a configuration file, asked through its API and the CLI. */
export class TestDaemon implements AsyncDisposable {
  readonly folder: string;
  readonly configFile: string;
  readonly url: string;
  #server: SupervisedServer | undefined;

  constructor(folder: string, port: number) {
    this.folder = folder;
    this.configFile = join(folder, 'farshore.yaml');
    this.url = `http://127.0.0.1:${port}`;
  }

  static async create(options: DaemonOptions): Promise<TestDaemon> {
    const folder = await mkdtemp(join(tmpdir(), 'farshore-scenario-'));
    const [port] = await freePorts(1);
    const daemon = new TestDaemon(folder, port ?? 0);
    await mkdir(join(folder, 'schemas'));
    await writeFile(join(folder, 'schemas', `${ROW_SCHEMA_ID}.avsc`), JSON.stringify(rowSchema));
    for (const [id, text] of Object.entries(options.schemas ?? {})) await writeFile(join(folder, 'schemas', `${id}.avsc`), text);
    await writeFile(join(folder, 'token'), 'scenario-token\n', { mode: 0o600 });
    for (const [name, text] of Object.entries(options.files ?? {})) await writeFile(join(folder, name), text, { mode: 0o600 });
    const tables = options.tables ?? [];
    const more = (keys: string | undefined): string => (keys === undefined ? '' : `, ${keys}`);
    await writeFile(
      daemon.configFile,
      `region: ${options.region}
primary:
  name: ${options.primaryName ?? 'us-east'}
  kafka: { brokers: ${listed(options.primary)}, requestTimeoutMs: 5000${more(options.primaryLogin)} }
  registry: ${options.registry ?? '{ directory: schemas }'}
  heartbeat: { enabled: ${options.heartbeat ?? false}, intervalMs: ${options.heartbeatMs ?? 1000} }${options.primaryDatabase === undefined ? '' : `\n  database: { ${options.primaryDatabase.startsWith('postgres') ? `url: "${withCanary(options.primaryDatabase)}"` : `urlFile: ${options.primaryDatabase}`}${more(options.databaseTls)} }`}
regional:
  kafka: { brokers: ${listed(options.regional)}, requestTimeoutMs: 5000${more(options.regionalLogin)} }
  database: { ${options.database.startsWith('postgres') ? `url: "${withCanary(options.database)}"` : `urlFile: ${options.database}`}${more(options.databaseTls)} }${options.regionalRegistry === undefined ? '' : `\n  registry: ${options.regionalRegistry}`}
mirror:
  topics: [${options.topics.map((topic) => JSON.stringify(topic)).join(', ')}]
  refreshSeconds: 1
  fetchMaxWaitMs: 100
${(options.mirror ?? []).map((line) => `  ${line}\n`).join('')}apply:
  schema: validate
  tables:${tables.length === 0 ? ' []' : `\n${tables.map((line) => `    - ${line}`).join('\n')}`}
${(options.extra ?? []).map((line) => `${line}\n`).join('')}lease: { ttlMs: 3000 }
admin: { listen: "127.0.0.1:${port}", tokenFile: token }
log: { level: info }
`,
    );
    return daemon;
  }

  get pid(): number {
    if (this.#server === undefined) throw new Error('the daemon was not started');
    return this.#server.pid;
  }

  /** Resolves once it is active. */
  async start(): Promise<void> {
    await this.launch();
    await eventually(async () => (await this.status()).role === 'active', { deadlineMs: 30_000, what: 'the daemon being active' });
  }

  /** Starts the process, with further environment variables, and waits for nothing. */
  async launch(env: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#server = await supervise({
      command: process.execPath,
      args: [join(repositoryRoot, 'src/main.ts'), 'run', '--config', this.configFile],
      cwd: repositoryRoot,
      env,
      logFile: join(this.folder, 'daemon.log'),
      orphanSignal: 'SIGKILL',
      orphanGraceMs: 0,
    });
  }

  /** How the process ended; waits for it. */
  async ended(): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
    if (this.#server === undefined) throw new Error('the daemon was not started');
    return await this.#server.exit;
  }

  async kill(): Promise<void> {
    this.#server?.signal('SIGKILL');
    await this.#server?.exit;
  }

  signal(name: NodeJS.Signals): void {
    this.#server?.signal(name);
  }

  /** SIGTERM; answers exit code and seconds. */
  async stop(): Promise<{ readonly code: number | null; readonly seconds: number }> {
    const startedMs = performance.now();
    await this.#server?.end('SIGTERM', 20_000);
    return { code: (await this.#server?.exit)?.code ?? null, seconds: (performance.now() - startedMs) / 1000 };
  }

  async status(): Promise<DaemonStatus> {
    const answer = await fetch(`${this.url}/api/status`, { signal: AbortSignal.timeout(5_000) });
    return (await answer.json()) as DaemonStatus;
  }

  async partition(topic: string, partition: number): Promise<PartitionStatus | undefined> {
    return (await this.status()).partitions.find((p) => p.topic === topic && p.partition === partition);
  }

  /** Waits until a stage of a partition stands at a code, and answers its hint. */
  async stopped(stage: 'mirror' | 'apply', topic: string, partition: number, code: string): Promise<string> {
    return await eventually(
      async () => {
        const status = (await this.partition(topic, partition))?.[stage];
        if (status?.code === code) return status.hint ?? '';
        throw new Error(`${topic}:${partition} is ${JSON.stringify(status)}`);
      },
      { deadlineMs: 60_000, what: `${stage} of ${topic}:${partition} stopping with ${code}` },
    );
  }

  /** Runs the command that a stop printed, as an operator would paste it. */
  async runHint(hint: string): Promise<void> {
    const command = /farshore (?<args>partition resume [^\n,;]*?)(?=$|, with|, then|\.$|\. |, or)/.exec(hint)?.groups?.args;
    if (command === undefined) throw new Error(`no command in: ${hint}`);
    await this.cli(command.trim().split(/\s+/));
  }

  async cli(args: readonly string[]): Promise<string> {
    const child = spawn(
      process.execPath,
      [join(repositoryRoot, 'src/main.ts'), ...args, '--url', this.url, '--token-file', join(this.folder, 'token')],
      // Each of its requests has a limit; a process that hangs all the same must not be waited for.
      { stdio: ['ignore', 'pipe', 'pipe'], timeout: CLI_LIMIT_MS, killSignal: 'SIGKILL' },
    );
    let out = '';
    child.stdout.on('data', (data: Buffer) => {
      out += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      out += data.toString();
    });
    const [code] = (await once(child, 'close')) as [number | null];
    expectNoSecret(`farshore ${args.join(' ')}`, out);
    if (code !== 0) throw new Error(`farshore ${args.join(' ')} ended with ${code}: ${out}`);
    return out;
  }

  async log(): Promise<string> {
    return await readFile(join(this.folder, 'daemon.log'), 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.end('SIGKILL', 1_000);
    // Whatever the trial was about: all that its daemons said, under every fault, is searched.
    const said = await this.log().catch(() => '');
    await rm(this.folder, { recursive: true, force: true });
    expectNoSecret("the daemon's log", said);
  }
}
