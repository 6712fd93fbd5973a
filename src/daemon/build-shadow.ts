import type { AvroDecoders } from '../avro/decoders.ts';
import type { ShadowConfig, ShadowTargetConfig } from '../config/config.ts';
import { ShadowTargets, type TargetSettings } from '../http/shadow-targets.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { type TailedRecord, tailTopic } from '../kafka/tail-topic.ts';
import type { LagSources } from '../lag/contracts.ts';
import { EndsPassed } from '../lag/ends-passed.ts';
import type { LagLoop, LagSnapshot } from '../lag/lag-loop.ts';
import { worstLagSeconds } from '../lag/worst-lag.ts';
import type { VisitRecords } from '../model/batch.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { ShadowSide } from '../shadow/contracts.ts';
import { noiseProbe } from '../shadow/intake.ts';
import { requestOfRecord } from '../shadow/recorded-request.ts';
import type { ShadowStage } from '../shadow/shadow-stage.ts';
import type { ActiveParts } from './active-parts.ts';
import { buildShadowStage } from './build-shadow-compare.ts';
import { regionalCluster } from './clusters.ts';
import type { ShadowFront } from './shadow-front.ts';

const TOPIC_BYTES = 1_048_576;
const TOPIC_WAIT_MS = 500;
const TOPIC_PAUSE_MS = 5_000;

/** Between two looks at the positions while a difference waits for the region. */
const PASSED_EVERY_MS = 20;
const PASSED_LIMIT_MS = 30_000;

export interface ActiveShadowParts {
  readonly front: ShadowFront;
  readonly shadow: ShadowConfig;
  readonly lagSources: LagSources;
  readonly lag: Pick<LagLoop, 'snapshot'>;
  readonly decoders: AvroDecoders;
  readonly visitRecords: VisitRecords;
}

/** The shadow while the daemon holds the lease. */
export interface ActiveShadow {
  readonly stage: ShadowStage;
  /** Takes and compares requests until the signal. */
  run(signal: AbortSignal): Promise<void>;
}

export function buildShadow(
  parts: ActiveParts,
  { front, shadow, lagSources, lag, decoders, visitRecords }: ActiveShadowParts,
): ActiveShadow {
  const { current, clock, database, observer } = parts;
  const asking = shadowTargets(parts, shadow);
  const ended = new AbortController();
  const topics = new Set(current().apply.tables.map(({ topic }) => topic));
  const ends = new EndsPassed(lagSources, { topics, everyMs: PASSED_EVERY_MS, limitMs: PASSED_LIMIT_MS }, clock);
  const stage = buildShadowStage({
    compare: shadow.compare,
    concurrency: shadow.concurrency,
    maxAnswerBytes: shadow.maxAnswerBytes,
    queue: front.queue,
    asking,
    passing: { passed: (signal) => ends.passed(signal, ended.signal) },
    probe: noiseProbe(shadow.noiseSample),
    lagMs: () => lagMs(lag.snapshot()),
    database,
    clock,
    observe: observer.observe,
  });
  return {
    stage,
    run: async (signal) => {
      front.intake.open = true;
      const { topic } = shadow;
      const stop = AbortSignal.any([signal, ended.signal]);
      const reading = topic === undefined ? undefined : readRequestTopic(parts, { topic, front, decoders, visitRecords }, stop);
      try {
        await Promise.all([stage.run(stop), reading]);
      } finally {
        front.intake.open = false;
        ended.abort();
        await reading?.catch(() => undefined);
        asking.close();
      }
    },
  };
}

function lagMs(snapshot: LagSnapshot): number | undefined {
  const seconds = worstLagSeconds(snapshot);
  return seconds === undefined ? undefined : seconds * 1_000;
}

/** The targets of the configuration. Credentials are those of the moment: a changed file counts for the next question. */
function shadowTargets({ current, metrics, clock }: ActiveParts, shadow: ShadowConfig): ShadowTargets {
  const target = (side: ShadowSide): TargetSettings => {
    const { url, host, allowPrivate, ca } = shadow.targets[side];
    const now = (): ShadowTargetConfig => current().shadow?.targets[side] ?? shadow.targets[side];
    return {
      origin: url,
      host,
      allowInside: allowPrivate,
      ca: ca?.reveal(),
      authorization: () => now().authorization?.reveal(),
      cookie: () => now().cookie?.reveal(),
    };
  };
  for (const side of ['primary', 'region'] as const) metrics.set('farshore_shadow_breaker_open', { side }, 0);
  const lower = (name: string): string => name.toLowerCase();
  return new ShadowTargets(
    { primary: target('primary'), region: target('region') },
    {
      timeoutMs: shadow.timeoutMs,
      concurrency: shadow.concurrency,
      maxAnswerBytes: shadow.maxAnswerBytes,
      breakerResetMs: shadow.breakerResetMs,
      headers: {
        set: new Map(Object.entries(shadow.headers.set).map(([name, value]) => [lower(name), value])),
        drop: new Set(shadow.headers.drop.map(lower)),
      },
    },
    {
      nowMs: () => clock.monotonicMs(),
      onBreaker: (side, state) => metrics.set('farshore_shadow_breaker_open', { side }, state === 'closed' ? 0 : 1),
    },
  );
}

interface RequestTopicParts {
  readonly topic: string;
  readonly front: ShadowFront;
  readonly decoders: AvroDecoders;
  readonly visitRecords: VisitRecords;
}

/** Gives the shadow the requests of a topic, from now on, until the signal. What goes wrong with it is tried again: it ends nothing else. */
async function readRequestTopic(parts: ActiveParts, topicParts: RequestTopicParts, signal: AbortSignal): Promise<void> {
  const { clock, observer } = parts;
  while (!signal.aborted) {
    try {
      await tailRequests(parts, topicParts, signal);
    } catch (error) {
      const known = findFarshoreError(error);
      if (signal.aborted || known === undefined) throw error;
      observer.observe({ type: 'shadow_topic_failed', code: known.code, message: known.message, hint: known.hint });
      await clock.sleep(TOPIC_PAUSE_MS, signal);
    }
  }
}

async function tailRequests(
  { current, clock, observer }: ActiveParts,
  { topic, front, decoders, visitRecords }: RequestTopicParts,
  signal: AbortSignal,
): Promise<void> {
  // Connections of its own: a broker answers one connection's requests in turn, and apply must not wait behind these.
  const cluster: KafkaCluster = regionalCluster(current, clock, observer.observe);
  try {
    await cluster.connect(signal);
    const { maxDecompressedBytes } = current().limits;
    const options = { topic, maxDecompressedBytes, maxBytes: TOPIC_BYTES, maxWaitMs: TOPIC_WAIT_MS, visitRecords };
    await tailTopic(
      cluster,
      options,
      async (records) => {
        for (const record of records) await offer(record, front, decoders, signal);
      },
      signal,
    );
  } finally {
    await cluster.close();
  }
}

async function offer({ value, headers, timestampMs }: TailedRecord, front: ShadowFront, decoders: AvroDecoders, signal: AbortSignal) {
  const at = { ref: '', bodyStart: 0 };
  try {
    // The headers stand behind the value, as they do in a record.
    const bytes = Buffer.concat([value, headers.bytes]);
    decoders.readRef(bytes, 0, value.length, { start: value.length, end: bytes.length, count: headers.count }, 'value', at);
    const decoder = await decoders.load(at.ref, signal);
    const request = requestOfRecord(decoder.decode(bytes, at.bodyStart, value.length), timestampMs);
    if (request === undefined) front.intake.skip('topic', 'malformed');
    else front.intake.offer(request, 'topic');
  } catch (error) {
    signal.throwIfAborted();
    // A registry that is away is the schemas' component to say; a request is not worth waiting for it.
    if (findFarshoreError(error) === undefined) throw error;
    front.intake.skip('topic', 'malformed');
  }
}
