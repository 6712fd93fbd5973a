import { statSync } from 'node:fs';
import type { ApplyStage } from '../apply/apply-stage.ts';
import type { RegistriesView } from '../avro/registrar.ts';
import type { FarshoreConfig } from '../config/config.ts';
import type { Brake, GateMeasurements, LagMeasured, Measurement } from '../cutover/contracts.ts';
import { CutoverLoop } from '../cutover/cutover-loop.ts';
import { CutoverExecutor } from '../cutover/executor.ts';
import { runHooks } from '../cutover/hook-loop.ts';
import type { Hook } from '../cutover/hooks.ts';
import { mirrorMayRun } from '../cutover/mirror-may-run.ts';
import type { Cutover } from '../cutover/state.ts';
import { type KeptTail, watchTail } from '../cutover/unmirrored-tail.ts';
import { HttpPoster } from '../http/http-post.ts';
import type { Heartbeats } from '../lag/heartbeats.ts';
import type { LagLoop } from '../lag/lag-loop.ts';
import type { NeededAudit } from '../lag/lost-deletes-loop.ts';
import type { MirrorStage } from '../mirror/mirror-stage.ts';
import type { Clock } from '../model/clock.ts';
import type { Home } from '../model/cutover.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { SchemaView } from '../model/schema-view.ts';
import { cutoverStore } from '../postgres/cutover-store.ts';
import { hookStore } from '../postgres/hook-store.ts';
import { tailStore } from '../postgres/tail-store.ts';
import type { KeptCounts } from '../rejected/kept-counts.ts';
import type { ActiveParts } from './active-parts.ts';
import type { BuiltSteps } from './build-steps.ts';
import { hookRunner } from './hook-runner.ts';
import type { MirrorGate } from './mirror-gate.ts';

const SCHEMA_LOOK_MS = 60_000;
const STEP_EVERY_MS = 500;

/** What the gates are measured by. */
export interface MeasuredSources {
  readonly mirror: Pick<MirrorStage, 'status'>;
  readonly apply: Pick<ApplyStage, 'statuses'>;
  /** In the region: the topics of `apply.tables`. */
  readonly appliedTopics: ReadonlySet<string>;
  readonly lag: Pick<LagLoop, 'snapshot'>;
  readonly heartbeats: Pick<Heartbeats, 'ageSeconds'> | undefined;
  readonly keptCounts: Pick<KeptCounts, 'current' | 'atMs'>;
  /** Undefined before the ledger was read. */
  readonly neededAudits: () => { readonly atMs: number; readonly audits: readonly NeededAudit[] } | undefined;
  readonly schema: (signal: AbortSignal) => Promise<SchemaView>;
  /** Left out: nobody measures it, and its gate is shut. */
  readonly divergence?: () => GateMeasurements['divergence'];
  readonly backfill?: () => GateMeasurements['backfill'];
  readonly shadow?: () => GateMeasurements['shadow'];
  readonly reversePath?: () => GateMeasurements['reversePath'];
  /** Left out where the region has no registry of its own. */
  readonly registries?: () => Measurement<RegistriesView>;
}

export interface CutoverSources extends MeasuredSources {
  readonly steps: BuiltSteps;
  readonly gate: MirrorGate;
}

export interface BuiltCutover {
  readonly loop: CutoverLoop;
  /** Everything beside the loop: the steps, schemas that are looked at, and hooks. */
  run(signal: AbortSignal): Promise<void>;
  renewConnections(): void;
  lossBound: BuiltSteps['lossBound'];
  /** As it is stored; undefined before it was read. */
  home(): Home | undefined;
  /** What a primary that was given up has and the region never had, as it is kept. */
  unmirrored(): readonly KeptTail[];
}

export function buildCutover(
  { current, database, lease, observer, clock, failpoints }: ActiveParts,
  sources: CutoverSources,
): BuiltCutover {
  const config = current();
  const { gates, evaluateSeconds, windowSeconds, stepSeconds, firstHop } = config.cutover;
  const { observe } = observer;
  let schema: GateMeasurements['schema'] = missing('schemas and tables were not compared yet');
  const store = cutoverStore(database, lease.epoch);
  let stored: Cutover | undefined;
  let unmirrored: readonly KeptTail[] = [];
  const executor = new CutoverExecutor(
    { everyMs: STEP_EVERY_MS, stepLimitMs: stepSeconds * 1_000, quietMs: firstHop.quietSeconds * 1_000 },
    {
      store,
      steps: sources.steps.parts,
      follow: (cutover) => {
        stored = cutover;
        sources.gate.follow(mirrorMayRun(cutover));
      },
      mayAct: (signal) => lease.check(signal),
      observe,
      clock,
      onStep: failpoints?.cutover,
    },
  );
  const loop = new CutoverLoop(
    {
      region: config.region,
      primary: config.primary.name,
      evaluateMs: evaluateSeconds * 1_000,
      windowMs: windowSeconds * 1_000,
      limits: gates,
    },
    {
      store,
      measure: () => ({ ...measure(sources, clock), schema: withRegistries(schema, sources.registries?.()) }),
      brake: () => brakeFile(config.cutover.holdFile),
      observe,
      clock,
      onCommand: () => executor.notice(),
    },
  );
  return {
    loop,
    lossBound: sources.steps.lossBound,
    renewConnections: sources.steps.renewConnections,
    home: () => stored?.home,
    unmirrored: () => unmirrored,
    async run(signal) {
      const poster = new HttpPoster();
      try {
        await Promise.all([
          executor.run(signal),
          watchTail(
            {
              ...{ row: () => stored, logs: sources.steps.parts.logs, store: tailStore(database), observe, clock },
              onKept: (tails) => {
                unmirrored = tails;
              },
            },
            signal,
          ),
          watchSchemas(sources.schema, clock, signal, (measured) => {
            schema = measured;
          }),
          runHooks({ hooks: cutoverHooks(config), store: hookStore(database), runner: hookRunner(poster), observe, clock }, signal),
        ]);
      } finally {
        await sources.steps.close();
        poster.close();
      }
    },
  };
}

export const cutoverHooks = ({ cutover }: FarshoreConfig): readonly Hook[] =>
  cutover.hooks.flatMap(({ on, command, url, timeoutSeconds }): readonly Hook[] => {
    const timeoutMs = timeoutSeconds * 1_000;
    if (command !== undefined) return [{ on, timeoutMs, kind: 'command', command }];
    return url === undefined ? [] : [{ on, timeoutMs, kind: 'http', url }];
  });

export function brakeFile(path: string | undefined): Brake {
  if (path === undefined) return { kind: 'none' };
  try {
    statSync(path);
    return { kind: 'on' };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? { kind: 'none' } : { kind: 'unknown', reason: code ?? 'it failed' };
  }
}

const missing = (reason: string) => ({ kind: 'missing', reason }) as const;

export function measure(sources: MeasuredSources, clock: Pick<Clock, 'monotonicMs'>): Omit<GateMeasurements, 'hold' | 'schema'> {
  const nowMs = clock.monotonicMs();
  const now = <T>(value: T): Measurement<T> => ({ kind: 'measured', atMs: nowMs, value });
  const { mirror, apply, appliedTopics, lag, heartbeats, keptCounts, neededAudits } = sources;
  const mirrored = [...mirror.status()];
  const statuses = [
    ...mirrored.map((partition) => ({ stage: 'mirror', ...partition })),
    ...[...apply.statuses()].map((partition) => ({ stage: 'apply', ...partition })),
  ];
  const notRunning = statuses.filter(({ status }) => status.state !== 'running');
  // A drain waits for every one of them: one that has never been at the primary has no partition that could be counted.
  const met = new Set(mirrored.map(({ topic }) => topic));
  const unmirrored = [...appliedTopics].filter((topic) => !met.has(topic));
  const audits = neededAudits();
  const counts = keptCounts.current;
  const countedAtMs = keptCounts.atMs;
  const kept = (of: 'records' | 'parked'): Measurement<{ readonly records: number }> =>
    counts === undefined || countedAtMs === undefined
      ? missing('kept records were not counted')
      : { kind: 'measured', atMs: countedAtMs, value: { records: counts.reduce((sum, count) => sum + count[of], 0) } };
  return {
    partitions: now({
      total: statuses.length,
      notRunning: [
        ...unmirrored.map((topic) => `no partition of ${topic} is mirrored, and a table is applied from it`),
        ...notRunning.map(({ stage, topic, partition, status }) => `${stage} of ${topic}:${partition} is ${status.state}`),
      ],
    }),
    lag: now(worstLag(lag.snapshot())),
    heartbeat: heartbeat(heartbeats, now),
    fullAudit:
      audits === undefined
        ? missing('whether deletes may have been missed was not looked at yet')
        : { kind: 'measured', atMs: audits.atMs, value: { tables: audits.audits.map(({ table, topic }) => table ?? topic) } },
    rejected: kept('records'),
    parked: kept('parked'),
    divergence: sources.divergence?.() ?? missing('nothing audits the tables'),
    backfill: sources.backfill?.() ?? missing('nothing fills tables'),
    shadow: sources.shadow?.() ?? missing('no answers are compared'),
    reversePath: withSchemas(sources.reversePath?.() ?? missing('nothing proves the path back to the primary'), sources.registries?.()),
  };
}

/** C22: with a registry of its own the region takes the home only where it would give ids that the primary never gave. */
export function withRegistries(
  schema: GateMeasurements['schema'],
  registries: Measurement<RegistriesView> | undefined,
): GateMeasurements['schema'] {
  if (registries === undefined || schema.kind === 'missing') return schema;
  if (registries.kind === 'missing') return missing(`the registries: ${registries.reason}`);
  if (registries.value.role === 'rest') return missing('the registries were not looked at yet');
  const { tables, problems } = schema.value;
  return {
    kind: 'measured',
    atMs: Math.min(schema.atMs, registries.atMs),
    value: { tables, problems: [...registries.value.problems, ...problems] },
  };
}

/** What the path back needs beside heartbeats. */
function withSchemas(
  reversePath: GateMeasurements['reversePath'],
  registries: Measurement<RegistriesView> | undefined,
): GateMeasurements['reversePath'] {
  if (reversePath.kind === 'missing' || registries?.kind !== 'measured') return reversePath;
  const { carried, notThere } = registries.value;
  return { ...reversePath, value: { ...reversePath.value, schemas: { carried, notBack: notThere.length } } };
}

function heartbeat(heartbeats: MeasuredSources['heartbeats'], now: <T>(value: T) => Measurement<T>): GateMeasurements['heartbeat'] {
  if (heartbeats === undefined) return missing('heartbeats are turned off: primary.heartbeat.enabled');
  const { ageSeconds } = heartbeats;
  return ageSeconds === null || ageSeconds === undefined ? missing('no heartbeat has come back yet') : now({ ageSeconds });
}

/** Through to the database where it is applied, to the regional log where it is only mirrored. It ages by itself, also when nothing is read (C21). */
function worstLag({ partitions, stuckSeconds }: ReturnType<LagLoop['snapshot']>): LagMeasured {
  const lags = partitions.map(({ topic, partition, lag }) => ({ place: `${topic}:${partition}`, value: lag.total ?? lag.mirror }));
  const unknown = lags.filter(({ value }) => !value.known || value.seconds === null).map(({ place }) => place);
  const worst = lags.reduce<{ place: string; seconds: number } | undefined>((most, { place, value }) => {
    const { seconds } = value;
    return seconds !== null && (most === undefined || seconds > most.seconds) ? { place, seconds } : most;
  }, undefined);
  return {
    partitions: lags.length,
    unknown,
    worstSeconds: worst?.seconds ?? null,
    worstPlace: worst?.place ?? null,
    stuckSeconds: { primary: stuckSeconds.primary ?? null, region: stuckSeconds.regional ?? null },
  };
}

/** A registry that does not answer is a schema that is not known: the gate is shut, and the daemon goes on. */
async function watchSchemas(
  look: (signal: AbortSignal) => Promise<SchemaView>,
  clock: Clock,
  signal: AbortSignal,
  onMeasured: (measured: GateMeasurements['schema']) => void,
): Promise<void> {
  for (;;) {
    const atMs = clock.monotonicMs();
    try {
      const { tables } = await look(signal);
      onMeasured({ kind: 'measured', atMs, value: { tables: tables.length, problems: tables.flatMap(schemaProblems) } });
    } catch (error) {
      const known = findFarshoreError(error);
      if (signal.aborted || known === undefined || known.action === 'halt') throw error;
      onMeasured(missing(`schemas and tables could not be compared: ${known.message}`));
    }
    await clock.sleep(SCHEMA_LOOK_MS, signal);
  }
}

export function schemaProblems({ topic, table, stops, unknown, schemas, problems }: SchemaView['tables'][number]): readonly string[] {
  if (stops === true) {
    const found = [...schemas.flatMap((schema) => schema.problems), ...problems][0];
    return [`${topic} into ${table}: ${found?.message ?? 'it would stop'}`];
  }
  if (unknown !== null) return [`${topic} into ${table}: newest schema not known: ${unknown}`];
  return stops === null ? [`${topic} into ${table}: no schema is known`] : [];
}
