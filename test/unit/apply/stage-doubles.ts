import { onTestFinished, vi } from 'vitest';
import { ApplyStage } from '../../../src/apply/apply-stage.ts';
import { SharedByteBudget } from '../../../src/apply/byte-budget.ts';
import type { FieldShape, RegionalSource, Statement, StatementResult, TopicOrder } from '../../../src/apply/contracts.ts';
import type { ApplyAction, ApplyDependencies, ApplySettings, ApplyStop, TableDescription } from '../../../src/apply/dependencies.ts';
import { batchCrc, batchLeaderEpoch, type RawBatch } from '../../../src/model/batch.ts';
import type { Clock } from '../../../src/model/clock.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import type { FetchedPartition, FetchTarget } from '../../../src/model/fetch.ts';
import type { Generation } from '../../../src/model/generation.ts';
import { offsetValue, type RegionalOffset, regionalOffset } from '../../../src/model/offsets.ts';
import type { ApplyPosition } from '../../../src/model/position.ts';
import { tableDescription } from './descriptions.ts';
import { elementsOf, ListText } from './list-text.ts';
import { field, TestDecoders, visitTestRecords } from './log-double.ts';

export const topicId = '00000000-0000-4000-8000-00000000000a';
export const otherTopicId = '00000000-0000-4000-8000-00000000000b';

/** Time that passes at once: every sleep is one turn of the timer queue. */
export const fastClock: Clock = {
  wallMs: () => 0,
  monotonicMs: () => performance.now(),
  sleep: async (_ms, signal) => {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 1));
    signal.throwIfAborted();
  },
};

interface Log {
  readonly batches: RawBatch[];
  start: bigint;
  end: bigint;
}

/** The regional log in memory. */
export class MemorySource implements RegionalSource {
  readonly logs = new Map<string, Log>();
  readonly ids = new Map<string, string>();
  readonly fetched: (readonly FetchTarget[])[] = [];
  /** Byte limits of the fetches that asked one partition alone. */
  readonly aloneLimits: number[] = [];
  /** Runs before a fetch answers; may answer in its place. */
  beforeAnswer: (targets: readonly FetchTarget[]) => readonly FetchedPartition[] | undefined = () => undefined;
  /** Targets beside others that answer as if the byte limit were used up. */
  starved: (target: FetchTarget) => boolean = () => false;

  log(topic: string, partition: number): Log {
    const key = `${topic}:${partition}`;
    const log = this.logs.get(key) ?? { batches: [], start: 0n, end: 0n };
    this.logs.set(key, log);
    if (!this.ids.has(topic)) this.ids.set(topic, topicId);
    return log;
  }

  append(topic: string, partition: number, ...batches: readonly RawBatch[]): void {
    const log = this.log(topic, partition);
    log.batches.push(...batches);
    log.end = batches.at(-1)!.lastOffset + 1n;
  }

  async describe(topics: readonly string[]) {
    return topics
      .filter((topic) => this.ids.has(topic))
      .map((topic) => ({
        topic,
        topicId: this.ids.get(topic)!,
        partitions: [...this.logs.keys()].filter((key) => key.startsWith(`${topic}:`)).length,
      }));
  }

  async fetch(
    targets: readonly FetchTarget[],
    { maxBytes }: { readonly maxBytes: number },
    signal: AbortSignal,
  ): Promise<readonly FetchedPartition[]> {
    this.fetched.push(targets);
    if (targets.length === 1) this.aloneLimits.push(maxBytes);
    await fastClock.sleep(1, signal);
    return this.beforeAnswer(targets) ?? targets.map((target) => this.#answer(target, targets.length > 1 && this.starved(target)));
  }

  async batchAt({ topic, partition, offset }: FetchTarget) {
    const batch = this.log(topic, partition).batches.find((b) => b.baseOffset <= offset && offset <= b.lastOffset);
    if (batch === undefined) return undefined;
    const { baseOffset, lastOffset, bytes } = batch;
    return { baseOffset, lastOffset, leaderEpoch: batchLeaderEpoch(bytes), crc: batchCrc(bytes) };
  }

  async ends(partitions: readonly { readonly topic: string; readonly partition: number }[]) {
    return partitions.map(({ topic, partition }) => ({ topic, partition, ...this.log(topic, partition) }));
  }

  #answer({ topic, partition, offset }: FetchTarget, starved: boolean): FetchedPartition {
    const log = this.log(topic, partition);
    const ends = { highWatermark: log.end, lastStableOffset: log.end, logStartOffset: log.start };
    if (offset < log.start || offset > log.end) {
      return { kind: 'out_of_range', topic, partition, logStartOffset: log.start, logEndOffset: log.end };
    }
    const batches = starved ? [] : log.batches.filter(({ lastOffset }) => lastOffset >= offset);
    const last = batches.at(-1);
    return {
      kind: 'batches',
      topic,
      partition,
      batches,
      nextOffset: last === undefined ? offset : last.lastOffset + 1n,
      empty: last === undefined,
      ...ends,
      lastBatch: last && { leaderEpoch: batchLeaderEpoch(last.bytes), crc: batchCrc(last.bytes) },
      droppedAborted: 0,
      droppedControl: 0,
    };
  }
}

interface Row {
  readonly version: string;
  readonly values: readonly unknown[];
}

/** Positions and rows in memory, driven by the statements as they are; keys are the first column. */
export class MemoryDatabase {
  readonly positions = new Map<string, ApplyPosition>();
  readonly rows = new Map<string, Row>();
  readonly actions: ApplyAction[] = [];
  readonly stops = new Map<string, ApplyStop>();
  /** Rejected records: `topic:partition@offset table reason`. */
  readonly kept: string[] = [];
  epoch = 1n;
  transactions = 0;
  /** Throws to refuse a transaction before it is done, or to lose its answer after. */
  beforeCommit: (rows: readonly (readonly unknown[])[]) => void = () => undefined;
  afterCommit: () => void = () => undefined;

  /** Batches of these tests are small, and halved. */
  async conversation(): Promise<readonly StatementResult[]> {
    throw new Error('Nothing is tried in pieces here.');
  }

  async transaction(statements: readonly Statement[]): Promise<readonly StatementResult[]> {
    await Promise.resolve();
    const fence = statements[0]!;
    const [topic, partition, id, expected, epoch] = fence.values as [string, number, string, bigint, bigint];
    const key = `${topic}:${partition}`;
    const position = this.positions.get(key)!;
    if (epoch !== this.epoch) throw new FarshoreError('fenced', 'another daemon holds the partition');
    if (position.topicId !== id || offsetValue(position.next) !== expected) throw new FarshoreError('position_moved', 'not there');
    const upserts = statements.filter(({ text }) => text.startsWith('insert into "public"'));
    const given = upserts.flatMap(({ values }) => {
      const columns = values.slice(0, -1).map((column) => elementsOf(column as ListText).map(plainNumber));
      return columns[0]!.map((_, row) => columns.map((column) => column[row]));
    });
    this.beforeCommit(given);
    for (const row of given) {
      const version = row.at(-1) as string;
      const standing = this.rows.get(String(row[0]));
      if (standing === undefined || standing.version < version) this.rows.set(String(row[0]), { version, values: row });
    }
    for (const { text, values } of statements) if (text.startsWith('insert into farshore.rejected_records')) this.#keep(values);
    const [, , , next, leaderEpoch, crc] = statements.at(-1)!.values as [string, number, bigint, bigint, number | null, number | null];
    this.positions.set(key, {
      ...position,
      next: regionalOffset(next),
      leaderEpoch: leaderEpoch ?? position.leaderEpoch,
      crc: crc ?? position.crc,
    });
    this.transactions++;
    this.afterCommit();
    return statements.map(({ text, values }) => ({
      rows: [],
      rowCount: text.startsWith('insert into "public"') ? (values[0] as ListText).count : 1,
    }));
  }

  #keep(values: readonly unknown[]): void {
    const [topic, partition, , tables, offsets, ...columns] = values as [string, number, string, ...ListText[]];
    const reasons = elementsOf(columns[7]!);
    const waits = elementsOf(columns[10]!);
    for (const [index, offset] of elementsOf(offsets!).entries())
      this.kept.push(
        `${topic}:${partition}@${offset} ${elementsOf(tables!)[index]} ${reasons[index]}${waits[index] === null ? '' : ` waits for ${waits[index]}`}`,
      );
  }

  async query(): Promise<StatementResult> {
    return { rowCount: 1, rows: [{ standing: '0' }] };
  }

  next(topic: string, partition: number): bigint {
    return offsetValue(this.positions.get(`${topic}:${partition}`)?.next ?? regionalOffset(-1n));
  }
}

export const thingFields: readonly FieldShape[] = [field('id', 'long'), field('name', 'string')];

export interface Rig {
  readonly stage: ApplyStage;
  readonly source: MemorySource;
  readonly database: MemoryDatabase;
  readonly events: FarshoreEvent[];
  readonly orders: Map<string, TopicOrder>;
  readonly budget: SharedByteBudget;
  readonly heartbeats: [string | undefined, string | undefined][];
  readonly tables: TableDescription[];
  /** Starts the stage; the promise is that of `run`. It is stopped when the test ends. */
  start(): Promise<void>;
  stop(): void;
}

export const generationsOf = (...starts: readonly (readonly [number, bigint][])[]): readonly Generation[] =>
  starts.map((entries, index) => ({
    generation: index + 1,
    starts: new Map<number, RegionalOffset>(entries.map(([partition, start]) => [partition, regionalOffset(start)])),
  }));

export function rigOf(settings: Partial<ApplySettings> = {}, changes: Partial<ApplyDependencies> = {}): Rig {
  const source = new MemorySource();
  const database = new MemoryDatabase();
  const events: FarshoreEvent[] = [];
  const orders = new Map<string, TopicOrder>();
  const budget = new SharedByteBudget(1_000_000);
  const heartbeats: [string | undefined, string | undefined][] = [];
  const tables = [tableDescription('public.things', { id: 'bigint', name: 'text' }, ['id'])];
  const deps: ApplyDependencies = {
    source,
    compactedTopics: async () => new Set(),
    orders: { load: async (topics) => topics.flatMap((topic) => orders.get(topic) ?? []) },
    positions: {
      take: async (wanted) =>
        wanted.map(({ topic, partition, topicId: id }) => {
          const key = `${topic}:${partition}`;
          const fresh = { topic, partition, topicId: id, next: regionalOffset(0n), leaderEpoch: -1, crc: undefined };
          const position = database.positions.get(key) ?? fresh;
          database.positions.set(key, position);
          return position;
        }),
      read: async (topic, partition) => database.positions.get(`${topic}:${partition}`),
      ofTopics: async (topics) => [...database.positions.values()].filter(({ topic }) => topics.includes(topic)),
    },
    movePosition: async ({ topic, partition, topicId: id, next, action }) => {
      database.positions.set(`${topic}:${partition}`, { topic, partition, topicId: id, next, leaderEpoch: -1, crc: undefined });
      database.actions.push(action);
    },
    database,
    decoders: new TestDecoders(new Map([['1', thingFields]])),
    tables: {
      describe: async ([name]) => tables.filter(({ table }) => table === name?.table),
      create: async () => undefined,
      execute: async () => undefined,
    },
    stops: {
      load: async () => [...database.stops.values()],
      put: async (stop) => void database.stops.set(`${stop.topic}:${stop.partition}`, stop),
      clear: async (_stage, topic, partition) => void database.stops.delete(`${topic}:${partition}`),
      record: async (action) => void database.actions.push(action),
    },
    parked: {
      list: async () => [],
      counts: async () => new Map(),
      reject: async () => undefined,
      rejectOvertaken: async () => [],
      parentOf: async () => 'public.parents',
    },
    visitRecords: visitTestRecords,
    arrayText: () => new ListText(),
    arrayLiteral: (elements) => JSON.stringify(elements, (_name, value) => (typeof value === 'bigint' ? Number(value) : value)),
    exactJson: (value) => JSON.stringify(value),
    refusalOf: () => new FarshoreError('row_refused', 'no'),
    budget,
    observe: (event) => events.push(event),
    clock: fastClock,
    random: () => 0,
    onHeartbeat: (key, value) => heartbeats.push([key?.toString(), value?.toString()]),
    ...changes,
  };
  const stage = new ApplyStage(deps, {
    region: 'west',
    parkLimits: { limit: 1, maxAgeSeconds: 60 },
    epoch: 1n,
    entries: [{ topic: 'things' }],
    schema: 'validate',
    heartbeatTopic: undefined,
    rejectBudget: { share: 0.5, perMinute: 100 },
    connections: 2,
    maxBatchRecords: 10,
    maxBatchBytes: 10_000,
    maxPartitionFetchBytes: 10_000,
    maxFetchBytes: 100_000,
    fetchMaxWaitMs: 500,
    refreshMs: 1,
    ...settings,
  });
  const stopping = new AbortController();
  const start = async () => {
    const running = stage.run(stopping.signal, new AbortController().signal);
    onTestFinished(async () => {
      stopping.abort();
      await running.catch(() => undefined);
    });
    await running;
  };
  return { stage, source, database, events, orders, budget, heartbeats, tables, start, stop: () => stopping.abort() };
}

/** A topic of one generation and one home, the primary. */
export function order(
  topic: string,
  generations: readonly Generation[],
  homeEpochs?: TopicOrder['homeEpochs'],
  written: readonly number[] = [],
): TopicOrder {
  const first = [{ epoch: 1, home: 'east', starts: new Map() }];
  return { topic, home: 'east', regionalTopicId: topicId, generations, homeEpochs: homeEpochs ?? first, written: new Set(written) };
}

export const eventually = (check: () => void) => vi.waitFor(check, { timeout: 5_000, interval: 2 });

const plainNumber = (value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value);
