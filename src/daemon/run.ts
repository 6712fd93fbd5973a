import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { adminLimits } from '../admin/contracts.ts';
import { startAdmin } from '../admin/server.ts';
import type { FarshoreConfig } from '../config/config.ts';
import { parseListen } from '../config/listen.ts';
import { loadConfig, systemFiles } from '../config/load.ts';
import { printConfig } from '../config/print.ts';
import { Metrics } from '../metrics/metrics.ts';
import { CycleSizes } from '../mirror/cycle-bytes.ts';
import { systemClock } from '../model/clock.ts';
import { type ErrorCode, FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { Database } from '../postgres/database.ts';
import { acquireLease } from '../postgres/lease.ts';
import { loadMigrations, migrate } from '../postgres/migrations.ts';
import { ActiveDaemon } from './active.ts';
import { DaemonState } from './admin-source.ts';
import { leaseDatabase, regionalDatabase } from './database.ts';
import { FAILPOINT_VARIABLE, Failpoints } from './failpoints.ts';
import { createLogger, type Logger } from './log.ts';
import { Observer } from './observer.ts';
import { patiently, reasonWithHint } from './patiently.ts';
import { Reload } from './reload.ts';
import { serviceText } from './service-notices.ts';
import { ServiceNotifier } from './service-notifier.ts';
import { ShadowFront } from './shadow-front.ts';
import { ShardHolder } from './shard-holder.ts';
import { superviseLoops } from './supervisor.ts';
import { untilStopped } from './until-stopped.ts';

const LEASE_POLL_MS = 500;
const STANDBY_PAUSE_MS = 500;

/** Ends of an active daemon after which it may become active again: another one was faster, or the database was away for too long. */
const BACK_TO_STANDBY: ReadonlySet<ErrorCode> = new Set(['fenced', 'lease_lost', 'position_moved']);

export interface RunOptions {
  readonly configPath: string;
  readonly signal: AbortSignal;
  readonly stdout: { write(text: string): unknown };
}

/** Runs the daemon until the signal; answers the exit code: 0 after a stop, 1 when it must not go on. */
export async function runDaemon(config: FarshoreConfig, { configPath, signal }: RunOptions): Promise<number> {
  const clock = systemClock;
  const failpoints = Failpoints.parse(process.env[FAILPOINT_VARIABLE]);
  const version = farshoreVersion();
  const logger = createLogger({ level: config.log.level, region: config.region, version });
  const metrics = new Metrics({ region: config.region, runtime: true });
  metrics.set('farshore_build_info', { version, node_version: process.version }, 1);
  metrics.set('farshore_config_info', { sha256: createHash('sha256').update(printConfig(config)).digest('hex') }, 1);
  const observer = new Observer(metrics, logger, clock);
  const reload = new Reload({
    config,
    load: () => loadConfig(configPath, { env: process.env, readFile: systemFiles }),
    readText: systemFiles,
    logger,
    clock,
    around: (reloading) => notifier.reloading(reloading),
    onReload: ({ reconnects }) => {
      logger.level = reload.current().log.level;
      if (!reconnects) return;
      state.active?.renewConnections();
      state.shards?.renewConnections();
      void database.refresh();
    },
  });
  const database = regionalDatabase(() => reload.current().regional.database, config.apply.connections, clock);
  const state = new DaemonState({ config, database, metrics, observer, clock, version });
  const notifier = new ServiceNotifier({
    env: process.env,
    view: () => ({ startup: state.startup(), liveness: state.liveness(), text: serviceText(state.status()) }),
    logger,
    clock,
  });
  const listen = parseListen(config.admin.listen);
  if (listen === undefined) throw new FarshoreError('config_invalid', `${config.admin.listen} is not host:port`, { place: 'admin.listen' });
  const admin = await startAdmin(state, {
    ...listen,
    allowedHosts: [],
    token: () => reload.current().admin.token?.reveal(),
    limits: adminLimits,
    clock,
    onFailure: (error) => logger.error({ event: 'admin_failed', error }, 'a request failed'),
  });
  const shadow = shadowFront(config, metrics, logger);
  state.shadow = shadow;
  await shadow?.start().catch(async (error: unknown) => {
    await admin.close();
    throw error;
  });
  logger.info(
    { event: 'started', config: configPath, pid: process.pid, adminPort: admin.port, shadowPorts: shadow?.ports },
    'farshore started',
  );
  const ended = new AbortController();
  const reloading = reload.run(AbortSignal.any([signal, ended.signal]));
  const notifying = notifier.run(AbortSignal.any([signal, ended.signal]));
  try {
    await serve({ reload, database, state, observer, metrics, logger, failpoints, cycleSizes: new CycleSizes(), shadow, signal });
    logger.info({ event: 'stopped' }, 'farshore stopped');
    return 0;
  } catch (error) {
    if (signal.aborted) return 0;
    logger.fatal({ event: 'halted', error }, `farshore halts: ${error instanceof Error ? error.message : String(error)}`);
    if (findFarshoreError(error)?.code === 'config_invalid') throw error;
    return 1;
  } finally {
    state.role = 'stopping';
    ended.abort();
    await reloading;
    await shadow?.close();
    await notifying;
    await admin.close();
    await database.close();
  }
}

const shadowFront = (config: FarshoreConfig, metrics: Metrics, logger: Logger): ShadowFront | undefined =>
  config.shadow === undefined
    ? undefined
    : new ShadowFront({
        shadow: config.shadow,
        metrics,
        clock: systemClock,
        onShadowFailure: (error) => logger.error({ event: 'shadow_failed', error }, 'the shadow failed beside a user’s request'),
      });

interface Serving {
  readonly reload: Reload;
  readonly database: Database;
  readonly state: DaemonState;
  readonly observer: Observer;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly failpoints: Failpoints | undefined;
  readonly cycleSizes: CycleSizes;
  readonly shadow: ShadowFront | undefined;
  readonly signal: AbortSignal;
}

/** Waits for the database, then works for the region, and for shards of it where several daemons share it. */
async function serve(serving: Serving): Promise<void> {
  const { reload, database, state, observer, failpoints, cycleSizes, signal } = serving;
  const clock = systemClock;
  const { observe } = observer;
  const migrations = await loadMigrations();
  await patiently(
    async () => {
      await database.checkServer(signal);
      await migrate(database, migrations, signal);
    },
    (error) =>
      observe({
        type: 'component',
        component: 'regional_database',
        up: false,
        reason: reasonWithHint(error),
      }),
    clock,
    signal,
  );
  observe({ type: 'component', component: 'regional_database', up: true, reason: undefined });
  const holder = `${hostname()}:${process.pid}:${randomUUID()}`;
  const { current } = reload;
  if (current().mirror.shards === 1) return await lead(serving, holder, undefined, signal);
  const leases = leaseDatabase(() => current().regional.database, clock);
  try {
    await using shards = new ShardHolder({ current, database, leaseDatabase: leases, observer, clock, failpoints, cycleSizes, holder });
    state.shards = shards;
    observer.onTopics(() => shards.noticeTopics());
    await superviseLoops(
      [async ({ stop }) => await untilStopped(lead(serving, holder, shards, stop), stop), async ({ stop }) => await shards.run(stop)],
      signal,
      clock,
    );
  } finally {
    state.shards = undefined;
    await leases.close();
  }
}

/** Alternates between standby and active. */
async function lead(
  { reload, database, state, observer, metrics, logger, failpoints, cycleSizes, shadow }: Serving,
  holder: string,
  shards: ShardHolder | undefined,
  signal: AbortSignal,
): Promise<void> {
  const clock = systemClock;
  while (!signal.aborted) {
    state.role = 'standby';
    const lease = await acquireLease(
      {
        holder,
        ttlMs: reload.current().lease.ttlMs,
        pollMs: LEASE_POLL_MS,
        clock,
        connect: (connecting) => database.connect(connecting),
        observe: observer.observe,
      },
      signal,
    );
    state.leaseEpoch = lease.epoch;
    try {
      await using active = new ActiveDaemon({
        current: reload.current,
        database,
        lease,
        observer,
        metrics,
        clock,
        failpoints,
        cycleSizes,
        shadow,
        shards,
      });
      state.active = active;
      state.role = 'active';
      await active.run(signal);
    } catch (error) {
      const known = findFarshoreError(error);
      if (known === undefined || !BACK_TO_STANDBY.has(known.code)) throw error;
      logger.warn({ event: 'back_to_standby', error: known }, `active no more: ${known.message}`);
    } finally {
      state.role = signal.aborted ? 'stopping' : 'standby';
      state.active = undefined;
      state.leaseEpoch = undefined;
      await lease.release();
    }
    if (!signal.aborted) await clock.sleep(STANDBY_PAUSE_MS, signal).catch(() => undefined);
  }
}

export const farshoreVersion = (): string => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
};
