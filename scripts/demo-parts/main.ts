import { randomBytes } from 'node:crypto';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { createTopic } from '../../test/rig/context.ts';
import { repositoryRoot, stateDirectory } from '../../test/rig/paths.ts';
import { freePorts } from '../../test/rig/ports.ts';
import { type Rig, startRig } from '../../test/rig/rig.ts';
import { checkRun } from './check.ts';
import { ledgerDdl, withClient } from './compare.ts';
import { demoConfiguration } from './configuration.ts';
import { APPLICATION, cutoverDdl, cutoverRun, cutoverSection, wayBackConfiguration } from './cutover-run.ts';
import { DaemonProcess } from './daemon-process.ts';
import { auditSection, divergenceRun, liveDivergence } from './divergence-run.ts';
import { primaryDdl, regionDdl, tables, topicOf } from './domain.ts';
import { Generator } from './generator.ts';
import { endKept, writePlaces } from './kept.ts';
import { type DemoOptions, demoOptions, usage } from './options.ts';
import { narrowDdl } from './poison.ts';
import { enoughPoison, type Poisoned, poisonRun, tellOfPoison } from './poison-run.ts';
import { type ProgressSources, progressLine, readProgress } from './progress.ts';
import { Publisher } from './publisher.ts';
import { liveShadow, type Shadowed, shadowRun, shadowSection } from './shadow-run.ts';
import { BillingService } from './shadow-service.ts';

const PARTITIONS = 4;
const LIVE_CHANGES = 25;
const LIVE_PAUSE_MS = 100;
const LINE_EVERY_MS = 1_000;

/** What the check and the live view work with. */
export interface Demo extends ProgressSources, Poisoned {
  readonly generator: Generator;
  readonly publisher: Publisher;
  readonly daemon: DaemonProcess;
  readonly say: (line: string) => void;
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  let options: DemoOptions;
  try {
    options = demoOptions(args);
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n${usage}\n`);
    return 2;
  }
  const placesFile = join(stateDirectory, 'demo.json');
  if (options.stop) return await endKept(placesFile);

  // Talk goes to stderr, so that stdout holds data only: with --check one JSON line.
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());

  const folder = join(stateDirectory, 'demo');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await using cleanup = new AsyncDisposableStack();
  say('Starting two Kafkas and PostgreSQL …');
  const rig = await startRig();
  let keep = false;
  cleanup.defer(async () => {
    await (keep ? Promise.all(servers(rig).map((server) => server.release())) : rig[Symbol.asyncDispose]());
  });

  const urls = await prepare(rig, options.broken === 'poison' ? narrowDdl : '', options.cutover);
  // Poison brings a schema that is registered late; the repository's own folder stays as it is.
  const schemas = options.broken === 'poison' ? join(folder, 'schemas') : join(repositoryRoot, 'schemas');
  if (options.broken === 'poison') await cp(join(repositoryRoot, 'schemas'), schemas, { recursive: true });
  const [adminPort, proxyPort = 0, backPort = 0] = await freePorts(3);
  const shadowed = options.broken === 'shadow' ? await startServices(urls, proxyPort, cleanup) : undefined;
  const tokenFile = join(folder, 'admin-token');
  await writeFile(tokenFile, `${randomBytes(16).toString('hex')}\n`, { mode: 0o600 });
  const configFile = join(folder, 'farshore.yaml');
  const configuration = demoConfiguration({
    primaryBrokers: rig.primary.bootstrap,
    regionalBrokers: rig.regional.bootstrap,
    primaryDatabaseUrl: urls.primary,
    regionDatabaseUrl: urls.region,
    adminPort: adminPort ?? 0,
    tokenFile,
    schemas,
    more:
      shadowed !== undefined
        ? shadowSection(shadowed.primaryService.port, shadowed.regionService.port, proxyPort)
        : options.broken === 'divergence'
          ? auditSection
          : options.cutover
            ? cutoverSection(urls.primary)
            : options.broken === 'poison'
              ? // So that the retry that is shown has something left to do.
                'rejected: { lateSchemas: false }\n'
              : '',
  });
  await writeFile(configFile, configuration);
  say(`\n# ${configFile}\n${configuration}`);

  const daemon = new DaemonProcess({ configFile, logFile: join(folder, 'daemon.log') });
  await daemon.start();
  cleanup.defer(async () => {
    await (keep ? daemon.release() : daemon.stop());
  });
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  say(`The daemon runs as process ${daemon.pid}; its log is ${join(folder, 'daemon.log')}, its page ${adminUrl}/\n`);

  if (options.cutover) {
    const backFile = join(folder, 'way-back.yaml');
    const wayBack = wayBackConfiguration({
      primaryBrokers: rig.primary.bootstrap,
      regionalBrokers: rig.regional.bootstrap,
      primaryDatabaseUrl: urls.primary,
      adminPort: backPort,
      tokenFile,
      schemas,
    });
    await writeFile(backFile, wayBack);
    say(`# ${backFile}: the daemon that serves the primary\n${wayBack}`);
    const back = new DaemonProcess({ configFile: backFile, logFile: join(folder, 'way-back.log') });
    await back.start();
    cleanup.defer(async () => void (await back.stop()));
  }

  const kafka = (bootstrap: string): Kafka => new Kafka({ clientId: 'demo', brokers: [bootstrap], logLevel: logLevel.NOTHING });
  const primary = await connected(urls.primary, cleanup);
  const region = await connected(urls.region, cleanup);
  const regionalAdmin = kafka(rig.regional.bootstrap).admin();
  await regionalAdmin.connect();
  cleanup.defer(() => regionalAdmin.disconnect());
  const generator = await Generator.connect(urls.primary, options.seed);
  cleanup.defer(() => generator.close());
  const publisher = await Publisher.connect(urls.primary, kafka(rig.primary.bootstrap).producer({ idempotent: true }));
  cleanup.defer(() => publisher.close());
  const demo: Demo = {
    produced: () => publisher.published,
    regionalAdmin,
    group: 'farshore.eu-west.us-east',
    primary,
    region,
    adminUrl,
    tokenFile,
    schemas,
    generator,
    publisher,
    daemon,
    say,
  };

  const places = {
    primaryBrokers: rig.primary.bootstrap,
    regionalBrokers: rig.regional.bootstrap,
    primaryDatabaseUrl: urls.primary,
    regionalDatabaseUrl: urls.region,
    adminUrl,
    tokenFile,
    configFile,
    servers: servers(rig).map(({ name, pid, temporaryDirectory }) => ({ name, pid, directory: temporaryDirectory })),
  };
  if (options.check) {
    const { passed, result } = options.cutover
      ? await cutoverRun(
          { ...demo, applicationUrl: asRole(urls.primary, APPLICATION), regionUrl: urls.region },
          options.records,
          stop.signal,
        )
      : shadowed !== undefined
        ? await shadowRun(demo, shadowed, stop.signal)
        : options.broken === undefined
          ? await checked(demo, options.records, stop.signal)
          : options.broken === 'divergence'
            ? await divergenceRun(demo, options.records, stop.signal)
            : await poisonRun(demo, options.records, stop.signal);
    process.stdout.write(`${JSON.stringify(result)}\n`);
    if (options.keep && !stop.signal.aborted) {
      keep = true;
      await writePlaces(placesFile, { ...places, daemonPid: daemon.pid });
      say(`All is left running; ${placesFile} says where, ./scripts/demo --stop ends it.`);
    }
    return passed ? 0 : 1;
  }
  keep = options.keep;
  if (keep) await writePlaces(placesFile, { ...places, daemonPid: daemon.pid });
  say('Live traffic. Ctrl-C stops everything.');
  try {
    if (options.broken === 'divergence') await liveDivergence(demo, stop.signal);
    if (shadowed === undefined) await live(demo, options.broken === 'poison', stop.signal);
    else await liveShadow(demo, shadowed, stop.signal);
  } catch (error) {
    // Ctrl-C also ends what is waited for, and commands that run.
    if (!stop.signal.aborted) throw error;
  }
  if (keep) await writePlaces(placesFile, { ...places, daemonPid: daemon.pid });
  return 0;
}

async function checked(demo: Demo, records: number, signal: AbortSignal) {
  const result = await checkRun(demo, records, signal);
  return { passed: result.verdict === 'pass', result };
}

/** The same service on both databases; the region's has the bug. */
async function startServices(
  urls: { readonly primary: string; readonly region: string },
  proxyPort: number,
  cleanup: AsyncDisposableStack,
): Promise<Shadowed> {
  const primaryService = cleanup.use(await BillingService.start({ databaseUrl: urls.primary, bug: false }));
  const regionService = cleanup.use(await BillingService.start({ databaseUrl: urls.region, bug: true }));
  return { primaryService, regionService, proxyUrl: `http://127.0.0.1:${proxyPort}` };
}

function asRole(url: string, role: string): string {
  const address = new URL(url);
  address.username = role;
  return address.href;
}

const servers = (rig: Rig) => [rig.primary, rig.regional, rig.database] as const;

async function connected(url: string, cleanup: AsyncDisposableStack): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  cleanup.defer(() => client.end());
  return client;
}

/** Databases, tables and topics. The region's tables are there before the daemon, as in a company that has them. */
async function prepare(rig: Rig, narrowed: string, cutover: boolean): Promise<{ readonly primary: string; readonly region: string }> {
  const primary = await rig.database.createDatabase('primary_app');
  const region = await rig.database.createDatabase('region_app');
  await withClient(primary, (client) => client.query(primaryDdl));
  // The way back guards rows of the primary as those of the region are.
  const versions = tables.map((table) => `alter table ${table} add column farshore_version bytea;`).join('\n');
  if (cutover) await withClient(primary, (client) => client.query(`${versions}\n${cutoverDdl}`));
  await withClient(region, (client) => client.query(`${regionDdl}\n${ledgerDdl}\n${narrowed}`));
  await Promise.all(tables.map((table) => createTopic(rig.primary.bootstrap, { topic: topicOf(table), partitions: PARTITIONS })));
  return { primary, region };
}

/** Traffic until the signal, one line a second (in place on a terminal). */
async function live(demo: Demo, poisoned: boolean, signal: AbortSignal): Promise<void> {
  let lineAtMs = 0;
  demo.generator.poison = poisoned;
  if (poisoned) demo.say('One record in a hundred cannot be applied, each under a key of its own. Watch the others go on …');
  while (!signal.aborted) {
    if (demo.daemon.failure !== undefined) throw demo.daemon.failure;
    await demo.generator.write(LIVE_CHANGES);
    await demo.publisher.publish(1_000);
    if (performance.now() - lineAtMs >= LINE_EVERY_MS) {
      lineAtMs = performance.now();
      const line = progressLine(await readProgress(demo));
      process.stdout.write(process.stdout.isTTY ? `\r\u001b[2K${line}` : `${line}\n`);
    }
    if (demo.generator.poison && enoughPoison(demo)) {
      demo.generator.poison = false;
      await tellOfPoison(demo, signal);
      demo.say('Traffic goes on, without poison. Ctrl-C stops everything.');
    }
    await delay(LIVE_PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
  if (process.stdout.isTTY) process.stdout.write('\n');
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  const log = await readFile(join(stateDirectory, 'demo/daemon.log'), 'utf8').catch(() => '');
  if (log !== '') process.stderr.write(`The end of the daemon's log:\n${log.trimEnd().split('\n').slice(-5).join('\n')}\n`);
  process.exitCode = 1;
}
