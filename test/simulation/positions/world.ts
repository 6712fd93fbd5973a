import type { PartitionCommand } from '../../../src/mirror/commands.ts';
import type {
  HomeLog as HomeContract,
  MirroredBehind,
  PartitionStop,
  RegionalLog,
  StopLedger,
  TopicLedger,
  TopicRecord,
} from '../../../src/mirror/contracts.ts';
import { CycleSize } from '../../../src/mirror/cycle-bytes.ts';
import type { MirrorDependencies, MirrorSettings } from '../../../src/mirror/dependencies.ts';
import { MirrorStage } from '../../../src/mirror/mirror-stage.ts';
import { type KeptOffsets, OffsetKeeper, type OffsetStore } from '../../../src/mirror/offset-keeper.ts';
import type { Clock } from '../../../src/model/clock.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FetchedPartition } from '../../../src/model/fetch.ts';
import { offsetValue, type RegionalOffset } from '../../../src/model/offsets.ts';
import { type TopicPartitionKey, topicPartitionKey } from '../../../src/model/partition.ts';
import { type MirrorPosition, NOT_SETTLED } from '../../../src/model/position.ts';
import { rewritten } from './batches.ts';
import { HomeLog } from './home-log.ts';
import { PartitionJudge } from './judge.ts';
import { type CommitFate, RegionLog } from './region-log.ts';

export const TOPIC = 'orders';

export type Change =
  | { readonly op: 'append'; readonly partition: number; readonly keys: readonly number[] }
  | { readonly op: 'write_in_transaction'; readonly partition: number; readonly keys: readonly number[] }
  | { readonly op: 'end_transaction'; readonly partition: number; readonly outcome: 'committed' | 'aborted' }
  | { readonly op: 'compact'; readonly partition: number }
  | { readonly op: 'retention'; readonly partition: number; readonly batches: number }
  | { readonly op: 'cut'; readonly partition: number; readonly at: number; readonly refill?: readonly number[] }
  | { readonly op: 'recreate' }
  | { readonly op: 'lose_position'; readonly partition: number }
  /** `isIdle`: another broker leads there, uncleanly, and the daemon runs on. */
  | { readonly op: 'cut_region'; readonly partition: number; readonly by: number; readonly isIdle?: boolean }
  | { readonly op: 'crash' }
  /** The region's broker starts again: its coordinator answers positions while it still reads its log. */
  | { readonly op: 'old_answers'; readonly read: number; readonly step: number; readonly crashes: boolean; readonly isOpen?: boolean }
  /** Another daemon takes over while this one still believes. */
  | { readonly op: 'zombie' }
  | { readonly op: 'pause'; readonly partition: number }
  | {
      readonly op: 'resume';
      readonly partition: number;
      readonly from: 'earliest' | 'some' | 'inside' | undefined;
      readonly acceptLoss: boolean;
      readonly acceptRewind: boolean;
      readonly acceptRecreated: boolean;
    };

/** What happens before one fetch, and how that is answered. */
export interface Step {
  readonly changes: readonly Change[];
  readonly answer: 'whole' | 'one_batch' | 'starved' | 'leader_moved' | 'epochs_forgotten' | 'unreachable';
}

export interface History {
  readonly compacted: boolean;
  readonly onTruncated: 'stop' | 'earliest';
  readonly onRecreated: 'stop' | 'restart';
  /** What shows that an answered position is old: the database with the regional log, or that alone. */
  readonly shownBy: 'both' | 'log';
  readonly steps: readonly Step[];
  readonly fates: readonly CommitFate[];
  /** A transaction takes in several cycles, each with a fate of its own. */
  readonly isShared?: boolean;
}

export const PARTITIONS = 2;
/** Fetches and rests without trouble after the last step: enough for each way round to end. */
const QUIET_TURNS = 60;
/** A position that is answered no more is waited for a minute before it counts as lost. */
const MOST_QUIET_MS = 200_000;

/** One daemon after another mirrors a topic between two clusters that do to it what the history says. */
export class World {
  readonly #history: History;
  readonly homes = new Map<string, HomeLog[]>();
  readonly region: RegionLog;
  readonly judges = Array.from({ length: PARTITIONS }, (_, partition) => new PartitionJudge(`${TOPIC}:${partition}`));
  /** By the life that asked, partition and end of an answer: which log it was of. */
  readonly #served = new Map<string, number>();
  #topicId = 'A';
  #record: TopicRecord | undefined;
  #regionExists = false;
  #turn = 0;
  #fate = 0;
  #nowMs = 0;
  #quietMs: number | undefined;
  /** The region's broker was away: the next transaction ends with an outcome that is not known. */
  #isAway = false;
  /** A fetch was answered that its offset is out of range: what happens next happens before the ends are told. */
  #goesOnBeforeEnds = false;
  #isUnsettled = false;
  /** Turn since when nothing is waited for. */
  #quietFrom = 0;
  #running:
    | { readonly stage: MirrorStage; readonly stop: AbortController; readonly hard: AbortController; readonly done: Promise<void> }
    | undefined;
  readonly #stopped = new Map<number, PartitionStop>();
  readonly #kept = new Map<number, KeptOffsets>();
  readonly #resuming = new Set<number>();
  /** Which life commits now, counted from one. */
  #commits = 0;
  readonly #lives: Promise<void>[] = [];
  #takenOver = Promise.withResolvers<void>();
  readonly #controllers: AbortController[] = [];
  #over = false;
  failure: unknown;
  readonly damaged = new Set<number>();
  readonly #refused = new Set<string>();
  readonly happened = new Set<string>();

  constructor(history: History) {
    this.#history = history;
    this.#quietFrom = history.steps.length;
    this.homes.set('A', this.#newLogs('A'));
    this.region = new RegionLog(
      PARTITIONS,
      (position, records, before) => {
        const isWhereItWas = before?.next === position.next && before.topicId === position.topicId;
        // An operator's resume moves the position first, and a daemon that does not know yet that it lost its lease knows of no pause.
        // What is known of all is committed again now and then, as it is.
        const isMoving = records.length === 0 && (this.#resuming.has(position.partition) || isWhereItWas);
        if (this.#stopped.get(position.partition)?.state === 'paused' && !isMoving && this.#commits === this.#lives.length)
          throw new Error(`${TOPIC}:${position.partition} went on to ${position.next} while it was paused`);
        const home = this.homes.get(position.topicId)![position.partition]!;
        const readVersion = this.#served.get(`${this.#commits} ${position.topicId} ${position.partition} ${position.next}`);
        // A position that an operator moved says nothing of the region's end, and then only what is kept beside it does.
        const isRegionShown = this.#history.shownBy === 'both' || before?.regionalEnd !== undefined;
        this.judges[position.partition]!.committed({ home, position, records, readVersion, isRegionShown });
        if (records.length > 0) this.happened.add('mirrored');
      },
      (partition) => this.judges[partition]!.wroteInVain(),
    );
  }

  #newLogs(topicId: string): HomeLog[] {
    return Array.from({ length: PARTITIONS }, () => new HomeLog(topicId));
  }

  get #logs(): HomeLog[] {
    return this.homes.get(this.#topicId)!;
  }

  async play(): Promise<void> {
    for (let lives = 0; !this.#over; lives++) {
      if (lives > 100) throw new Error('it never came to rest');
      this.#start();
      // While a zombie goes on, the one that took over from it is waited for.
      for (let known: unknown; known !== this.#running; ) {
        known = this.#running;
        await Promise.race([this.#running!.done, this.#takenOver.promise]);
      }
      if (this.failure !== undefined) throw this.failure;
    }
    await Promise.all(this.#lives);
    if (this.failure !== undefined) throw this.failure;
    this.#judgeRest();
  }

  #start(): void {
    const [stop, hard] = [new AbortController(), new AbortController()];
    const stage = new MirrorStage(this.#dependencies(hard.signal), this.#settings());
    const done = stage.run(stop.signal, hard.signal).catch((error: unknown) => {
      const code = error instanceof FarshoreError ? error.code : undefined;
      if (code !== 'fenced') this.failure ??= error;
    });
    this.#controllers.push(stop, hard);
    this.#lives.push(done);
    this.#running = { stage, stop, hard, done };
    this.#takenOver.resolve();
    this.#takenOver = Promise.withResolvers();
  }

  /** The stage that is being run now ends where it is; whatever it was doing is given up. */
  #crash(): void {
    for (const life of [this.#running?.stop, this.#running?.hard]) life?.abort(new Error('killed'));
  }

  /** No zombie is left either, whose memory would outlive what the clusters lost. */
  #crashAll(): void {
    for (const life of this.#controllers) life.abort(new Error('killed'));
  }

  /** One step of the history, before each fetch and each rest. */
  #tick(): Step['answer'] {
    const step = this.#history.steps[this.#turn++];
    if (step === undefined) {
      this.#quietMs ??= this.#nowMs;
      // A coordinator that reads for longer than is waited for stops partitions, which go on by themselves once it has read all.
      const waits = this.region.isReading || [...this.#running!.stage.status()].some(({ status }) => status.state === 'waiting');
      if (waits && this.#nowMs < this.#quietMs + MOST_QUIET_MS) this.#quietFrom = this.#turn;
      if (this.#turn > this.#quietFrom + QUIET_TURNS) {
        this.#over = true;
        for (const life of this.#controllers) life.abort(new Error('over'));
      }
      return 'whole';
    }
    for (const change of step.changes) this.#change(change);
    return step.answer;
  }

  #change(change: Change): void {
    const log = 'partition' in change ? this.#logs[change.partition]! : undefined;
    switch (change.op) {
      case 'append':
        log!.append(change.keys, 'plain');
        return;
      case 'write_in_transaction':
        log!.append(change.keys, 'transaction');
        return;
      case 'end_transaction':
        log!.endTransaction(change.outcome);
        return;
      case 'compact':
        if (this.#history.compacted) log!.compact();
        return;
      case 'retention':
        log!.truncateFront(change.batches);
        this.damaged.add(change.partition);
        return;
      case 'cut': {
        const starts = log!.batchStarts();
        log!.cut(starts.length === 0 ? log!.end : starts[change.at % starts.length]!);
        log!.append(change.refill ?? [], 'plain');
        this.damaged.add(change.partition);
        this.happened.add('cut');
        return;
      }
      case 'recreate':
        this.#topicId = String.fromCharCode(this.#topicId.charCodeAt(0) + 1);
        this.homes.set(this.#topicId, this.#newLogs(this.#topicId));
        for (let partition = 0; partition < PARTITIONS; partition++) this.damaged.add(partition);
        this.happened.add('recreated');
        return;
      case 'lose_position': {
        // What the database keeps still says how far it had come.
        const lost = this.region.losePosition(change.partition);
        if (lost !== undefined && !this.#isKept(lost)) this.judges[change.partition]!.positionLost();
        this.damaged.add(change.partition);
        this.#crashAll();
        return;
      }
      case 'cut_region': {
        const isIdle = change.isIdle === true && !this.region.isWritten(change.partition);
        const end = this.region.ends(change.partition).end;
        const gone = this.region.cut(change.partition, end > BigInt(change.by) ? end - BigInt(change.by) : 0n);
        this.judges[change.partition]!.regionLost(gone);
        this.damaged.add(change.partition);
        // Else a start compares ends before a write does.
        if (!isIdle) this.#crashAll();
        return;
      }
      case 'old_answers':
        // What it has read ends inside of a transaction: nothing is answered for as long as that is so.
        this.#isUnsettled = change.isOpen === true && change.step === 0;
        this.region.answerOld(change);
        // A daemon that starts anew knows no more than the database and the log; for ever is a cause to stop.
        if (change.crashes) this.#crash();
        else this.#isAway = true;
        if (change.step === 0) for (let partition = 0; partition < PARTITIONS; partition++) this.damaged.add(partition);
        return;
      case 'crash':
        this.happened.add('crashed');
        this.#crash();
        return;
      case 'zombie':
        this.happened.add('zombie');
        this.#start();
        return;
      case 'pause':
        this.#command({ kind: 'pause', topic: TOPIC, partition: change.partition, by: 'ada' }, 'paused');
        return;
      case 'resume':
        this.#resume(change);
        return;
      default:
        change satisfies never;
    }
  }

  #resume({ partition, from, ...accepts }: Extract<Change, { op: 'resume' }>): void {
    const [start = 0n] = this.#logs[partition]!.batchStarts();
    // A fetch answers whole batches, also where the position is inside of one.
    const at = from === 'some' ? start : from === 'inside' ? start + 1n : from;
    this.#command({ kind: 'resume', topic: TOPIC, partition, request: { from: at, ...accepts, by: 'ada' } }, 'resumed');
  }

  #command(command: PartitionCommand, done: string): void {
    if (command.kind === 'resume') this.#resuming.add(command.partition!);
    this.#running?.stage.command(command).then(
      () => {
        this.happened.add(done);
        if (command.kind === 'resume') this.judges[command.partition!]!.decided();
        if (command.kind === 'pause' && this.#stopped.get(command.partition!)?.state !== 'paused')
          this.failure ??= new Error(`${TOPIC}:${command.partition} was paused, and is not`);
      },
      (error: unknown) => {
        // Refused, or given up with its daemon.
        if (!(error instanceof FarshoreError) && !(error instanceof Error && error.message === 'killed')) this.failure ??= error;
      },
    );
  }

  #settings(): MirrorSettings {
    const { onTruncated, onRecreated } = this.#history;
    const rules = { primary: 'us', topics: [TOPIC], exclude: [], prefix: '', heartbeatTopic: undefined, heartbeatsOnly: false };
    return {
      ...{ region: 'eu', primary: 'us', rules: () => rules, configExclude: [], minRetentionMs: () => undefined, onTruncated, onRecreated },
      ...{
        refreshMs: 5_000,
        fetchMaxWaitMs: 500,
        maxCycleBytes: 1 << 20,
        transactionTimeoutMs: 15_000,
        takesInBytes: 0,
        takesInMs: this.#history.isShared === true ? 250 : 0,
        maxPartitionFetchBytes: 1 << 20,
        recommitMs: this.#history.isShared === true ? 150 : 60_000,
      },
    };
  }

  #dependencies(hard: AbortSignal): MirrorDependencies {
    const clock: Clock = {
      wallMs: () => 1_770_000_000_000 + this.#nowMs,
      monotonicMs: () => this.#nowMs,
      sleep: async (ms, signal) => {
        signal.throwIfAborted();
        this.#nowMs += ms;
        this.#tick();
        signal.throwIfAborted();
      },
    };
    const published = { read: async () => new Map() };
    const keeper = new OffsetKeeper(this.#offsetStore(), clock);
    const watched = keeper.watch(this.#regional(hard));
    const publishes = this.#history.shownBy === 'both';
    return {
      home: this.#home(hard),
      regional: {
        ...watched,
        commit: async (positions, signal) => {
          await watched.commit(positions, signal);
          if (publishes) await keeper.publish(signal);
        },
      },
      kept: keeper,
      ledger: this.#ledger(),
      publishedAtHome: published,
      publishedInRegion: published,
      publisher: { publish: async () => undefined },
      stops: this.#stopLedger(),
      reencode: (batch, _reason, _most, from) => rewritten(batch, from),
      visitRecords: () => undefined,
      observe: ({ type }) => {
        if (type === 'position_old') this.happened.add(type);
      },
      clock,
      cycleSize: new CycleSize(),
    };
  }

  #described(topicId: string) {
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, leaderEpoch: 0, available: true }));
    return { topic: TOPIC, topicId, partitions };
  }

  #home(hard: AbortSignal): HomeContract {
    const life = this.#lives.length + 1;
    const guard = () => hard.throwIfAborted();
    /** Epochs of the leaders as this daemon knows them: each fetch names one, and a leader of another refuses it. */
    const leaders = new Map<string, number>();
    return {
      listTopics: async () => [this.#described(this.#topicId)],
      topicConfigs: async () => new Map([[TOPIC, new Map([['cleanup.policy', this.#history.compacted ? 'compact' : 'delete']])]]),
      fetch: async (targets, _limits, signal) => {
        guard();
        this.#nowMs += 100;
        const how = this.#tick();
        signal.throwIfAborted();
        if (how === 'unreachable') throw new FarshoreError('cluster_unreachable', 'no broker answers');
        return targets.map((target, index): FetchedPartition => {
          const { topic, partition } = target;
          if (how === 'leader_moved' && index === 0) return { kind: 'retry', topic, partition, reason: 'another broker leads' };
          const log = this.#logs[partition]!;
          const [place, led] = [`${log.topicId} ${partition}`, leaders.get(`${log.topicId} ${partition}`)];
          leaders.set(place, log.epoch);
          if (led !== undefined && led !== log.epoch) return { kind: 'retry', topic, partition, reason: 'another broker leads' };
          if (how === 'epochs_forgotten' && target.lastFetchedEpoch >= 0 && !this.#history.compacted && target.topicId === this.#topicId)
            return { kind: 'out_of_range', topic, partition, logStartOffset: log.start, logEndOffset: log.end };
          // The byte limit was used up by another partition; one that is asked alone gets a batch always.
          const most =
            how === 'starved' && targets.length > 1 && index === 0
              ? 0
              : how === 'one_batch'
                ? 1
                : this.#history.isShared === true
                  ? 2
                  : 100;
          const answer = log.answer(target, most);
          if (answer.kind === 'out_of_range') this.#goesOnBeforeEnds = true;
          if (answer.kind === 'batches') {
            for (const end of [answer.nextOffset, answer.empty ? answer.lastStableOffset : answer.nextOffset])
              this.#served.set(`${life} ${target.topicId} ${partition} ${end}`, log.version);
          }
          return answer;
        });
      },
      ends: async (asked) => {
        // A log that was cut grows on, maybe past the offset that it did not hold as it was fetched from.
        if (this.#goesOnBeforeEnds) this.#tick();
        this.#goesOnBeforeEnds = false;
        return asked.map(({ topic, partition }) => {
          const { start, lastStable: end } = this.#logs[partition]!;
          return { topic, partition, start, end };
        });
      },
      batchAt: async (target) => this.#logs[target.partition]!.batchAt(target),
    };
  }

  #regional(hard: AbortSignal): RegionalLog {
    const life = this.#lives.length + 1;
    let epoch = -1;
    let doubt = true;
    /** Cycles in the open transaction. */
    let produced = 0;
    let fate: CommitFate = 'done';
    const step = async <T>(draws: boolean, work: () => T): Promise<T> => {
      hard.throwIfAborted();
      if (doubt) throw new Error('a transaction was begun before an unknown outcome was cleared (C9)');
      if (draws) fate = this.#nextFate();
      this.#commits = life;
      try {
        return work();
      } catch (error) {
        doubt = true;
        if (!(error instanceof FarshoreError)) this.failure ??= error;
        else this.#refusedOrSo(error);
        throw error;
      }
    };
    const configs = new Map<string, string>();
    return {
      listTopics: async () => (this.#regionExists ? [this.#described('R')] : []),
      topicConfigs: async () => new Map([[TOPIC, configs]]),
      configsInForce: async () => new Map([[TOPIC, configs]]),
      createTopic: async () => {
        this.#regionExists = true;
      },
      growTopic: async () => undefined,
      alterTopicConfigs: async (_topic, set) => {
        for (const [name, value] of set) configs.set(name, value);
      },
      ends: async (asked) => asked.map(({ topic, partition }) => ({ topic, partition, ...this.region.ends(partition) })),
      open: async () => {
        hard.throwIfAborted();
        const known = epoch;
        epoch = -1;
        epoch = this.region.open(known);
        [doubt, produced] = [false, 0];
      },
      positions: async () => {
        if (doubt) throw new Error('positions were read before what was left open was ended (C9)');
        if (this.#isUnsettled && this.region.newestPositions().every((newest) => this.#isKept(newest)))
          throw new FarshoreError('broker_request_failed', 'a transaction is open', { facts: { [NOT_SETTLED]: true } });
        return new Map([[TOPIC, this.region.positions((newest) => this.#isKept(newest))]]);
      },
      mirroredBehind: async (ends) => {
        const behind = new Map<TopicPartitionKey, MirroredBehind>();
        for (const end of ends) {
          const offset = this.region.mirroredBehind(end);
          behind.set(topicPartitionKey(TOPIC, end.partition), offset === undefined ? { kind: 'nothing' } : { kind: 'batch', offset });
        }
        return behind;
      },
      produce: async (writes) =>
        await step(true, () => {
          // Where the fates of both are one, what dies with the answer to the commit dies there.
          if (fate === 'crash_undone' || (this.#history.isShared === true && fate.startsWith('crash'))) this.#crash();
          const ends = this.region.produce(epoch, writes, fate);
          if (++produced > 1) this.happened.add('shared');
          return ends;
        }),
      commit: async (positions) =>
        await step(produced === 0 || this.#history.isShared === true, () => {
          produced = 0;
          doubt = true;
          if (fate.startsWith('crash')) this.#crash();
          this.region.commit(epoch, positions, fate);
          doubt = false;
        }),
    };
  }

  /** Beyond the history everything goes well. */
  #nextFate(): CommitFate {
    const isOver = this.#turn > this.#history.steps.length;
    const given = isOver ? 'done' : (this.#history.fates[this.#fate++] ?? 'done');
    const fate = this.#isAway && given === 'done' ? 'lost_done' : given;
    this.#isAway = false;
    return fate;
  }

  /** A batch that is refused in its own form and in the one it is written anew in is a cause to stop. */
  #refusedOrSo({ code, facts }: FarshoreError): void {
    this.happened.add(code);
    if (code !== 'batch_refused') return;
    const place = `${facts.partition} ${facts.offset}`;
    if (this.#refused.has(place)) this.damaged.add(Number(facts.partition));
    this.#refused.add(place);
  }

  /** By the lease, which the daemon that started last has. To be made by a daemon that starts. */
  #fence(): () => void {
    const life = this.#lives.length;
    return () => {
      if (this.#lives.length > life + 1) throw new FarshoreError('fenced', 'another daemon has the lease');
    };
  }

  #ledger(): TopicLedger {
    const fence = this.#fence();
    const generation = (number: number, starts: ReadonlyMap<number, RegionalOffset>) => ({ generation: number, starts });
    return {
      load: async () => (this.#record === undefined ? [] : [this.#record]),
      claim: async ({ starts, ...claimed }) => {
        fence();
        this.#record ??= {
          ...claimed,
          homeEpoch: 1,
          partitions: PARTITIONS,
          generations: [generation(1, starts)],
          mirroredFrom: starts,
          epochFrom: starts,
        };
        return this.#record;
      },
      adopt: async () => this.#record!,
      raiseGeneration: async ({ expected, reason, homeTopicId, regionalTopicId, starts }) => {
        fence();
        const record = this.#record!;
        if (record.generations.at(-1)!.generation !== expected) return record;
        for (const [partition, start] of starts)
          if (offsetValue(start) < this.region.ends(partition).end)
            this.failure ??= new Error(`generation ${expected + 1} starts below the end of ${partition}`);
        for (const judge of this.judges) judge.generationRaised(reason);
        const mirroredFrom = reason === 'rewind_accepted' ? record.mirroredFrom : starts;
        const generations = [...record.generations, generation(expected + 1, starts)];
        this.#record = { ...record, homeTopicId, regionalTopicId, generations, mirroredFrom };
        return this.#record;
      },
    };
  }

  #stopLedger(): StopLedger {
    const fence = this.#fence();
    return {
      load: async () => [...this.#stopped.values()],
      put: async (stop) => {
        fence();
        this.#stopped.set(stop.partition, stop);
        this.judges[stop.partition]!.told(stop.code);
        this.happened.add(stop.code);
      },
      clear: async (_stage, _topic, partition) => {
        fence();
        this.#stopped.delete(partition);
      },
      record: async ({ partition, lostFrom, lostTo, by }) => {
        fence();
        if (by === 'mirror.onRecreated' && this.#history.onRecreated === 'stop')
          this.failure ??= new Error('a topic that was created again was taken up, which nobody allowed');
        if (lostFrom === undefined || lostTo === undefined) return;
        this.judges[partition]!.gaveUp({ from: offsetValue(lostFrom), to: offsetValue(lostTo) });
        this.happened.add('given_up');
      },
    };
  }

  #isKept({ partition, next, regionalEnd }: MirrorPosition): boolean {
    const last = this.#history.shownBy === 'both' ? this.#kept.get(partition)?.points.at(-1) : undefined;
    return last !== undefined && (regionalEnd === undefined ? last.home === next : last.regional >= regionalEnd);
  }

  /** Of the daemon that started last, as the lease has it. Where the log shows it, a daemon that starts knows nothing. */
  #offsetStore(): OffsetStore {
    const life = this.#lives.length;
    return {
      load: async () => (this.#history.shownBy === 'both' ? [...this.#kept.values()] : []),
      save: async (offsets) => {
        if (this.#lives.length > life + 1) return;
        for (const one of offsets) this.#kept.set(one.partition, one);
      },
    };
  }

  /** Nothing stands still silently: each partition is at the end of its log, or stopped, and stopped for a cause. */
  #judgeRest(): void {
    for (const { partition, status } of this.#running!.stage.status()) {
      const log = this.#logs[partition]!;
      if ((status.state === 'paused') !== (this.#stopped.get(partition)?.state === 'paused'))
        throw new Error(`${TOPIC}:${partition} is ${status.state}, and was ${this.#stopped.get(partition)?.state ?? 'never stopped'}`);
      if (status.state === 'paused') continue;
      if (status.state === 'stopped') {
        if (!this.damaged.has(partition)) throw new Error(`${TOPIC}:${partition} stopped without a cause: ${status.code}`);
        continue;
      }
      // A move without a record whose commit was lost is taken for done, and committed with what follows: nothing comes twice of it.
      const newest = this.region.newest(partition);
      const isMoveOnly = status.next === String(log.lastStable) && !log.holdsCommitted(newest, log.lastStable);
      if (newest !== log.lastStable && !isMoveOnly)
        throw new Error(
          `${TOPIC}:${partition} is ${status.state} at ${this.region.newest(partition)} of ${log.lastStable}: ${status.message}`,
        );
    }
  }
}
