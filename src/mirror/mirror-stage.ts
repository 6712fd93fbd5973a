import { type ErrorCode, FarshoreError, findFarshoreError, isTriedAgain } from '../model/errors.ts';
import type { FetchedPartition, FetchTarget } from '../model/fetch.ts';
import type { HomeOffset } from '../model/offsets.ts';
import type { StageStatus } from '../model/status.ts';
import { Answers } from './answers.ts';
import { type CommandContext, type PartitionCommand, runCommand } from './commands.ts';
import type { CyclePlan } from './cycle.ts';
import type { MirrorDependencies, MirrorSettings } from './dependencies.ts';
import { type DoubtedLog, doubtedLog } from './doubted-log.ts';
import { verifyPartitions } from './partition-start.ts';
import { standingStops } from './stopping.ts';
import { PartitionTable } from './table.ts';
import { type TopicGaps, TopicRefresh } from './topic-refresh.ts';
import { Transaction } from './transaction.ts';
import { UnrecordedStops } from './unrecorded-stops.ts';

const IDLE_MS = 200;
const READ_RETRY_MS = 1_000;
const READ_FAILURES: ReadonlySet<ErrorCode> = new Set(['broker_request_failed', 'cluster_unreachable']);
/** A broker that was frozen is told of by the cluster some seconds after it answers again: two waits of ten seconds would make that half a minute. */
const BACKOFF_MS = { first: 200, most: 3_000 } as const;

/** A round of fetches, and what it brought once it is there. */
interface Fetching {
  readonly arriving: Promise<readonly FetchedPartition[]>;
  answers: readonly FetchedPartition[] | undefined;
}

/**
 * Copies the home's topics into the region, one Kafka transaction a cycle, or for several while there is a backlog. While one cycle is
 * written the next one is fetched; nothing counts as mirrored before its transaction is durable.
 *
 * The order after any unknown outcome, and at start, is C9's: open (fence and abort what was left), read
 * the positions, rebuild everything from what they say.
 */
export class MirrorStage {
  readonly #deps: MirrorDependencies;
  readonly #regional: DoubtedLog;
  readonly #settings: MirrorSettings;
  readonly #table = new PartitionTable();
  readonly #refresh: TopicRefresh;
  readonly #answers: Answers;
  readonly #commands: { readonly command: PartitionCommand; readonly done: PromiseWithResolvers<void> }[] = [];
  readonly #unrecorded: UnrecordedStops;
  /** Why it rests. */
  #resting: string | undefined;
  /** The failure to read that was told last: an outage is one event, not one a second. */
  #toldFailure: string | undefined;
  #refreshDueMs = 0;
  #askAgainMs = READ_RETRY_MS;
  /** Since the last transaction that was committed: opening works also where every transaction fails. */
  #failures = 0;
  #turnMs: number;
  readonly #transaction: Transaction;

  constructor({ regional, ...others }: MirrorDependencies, settings: MirrorSettings) {
    this.#regional = doubtedLog(regional, this.#table);
    const deps: MirrorDependencies = { ...others, regional: this.#regional };
    this.#deps = deps;
    this.#settings = settings;
    this.#refresh = new TopicRefresh(deps, settings, this.#table);
    this.#unrecorded = new UnrecordedStops(deps.observe);
    this.#transaction = new Transaction(deps, settings, this.#table, this.#unrecorded);
    this.#answers = new Answers(deps, settings, this.#table, this.#unrecorded, () => this.refreshSoon());
    this.#turnMs = deps.clock.monotonicMs();
  }

  /** Monotonic milliseconds of the loop's last turn, for the liveness probe; one that is made to rest misses none. */
  get lastTurnMs(): number {
    return this.#resting !== undefined ? this.#deps.clock.monotonicMs() : this.#turnMs;
  }

  /** Undefined while it rests: nothing is looked for then. */
  get gaps(): TopicGaps | undefined {
    return this.#resting !== undefined ? undefined : this.#refresh.gaps;
  }

  /** It takes no commands then. */
  get isResting(): boolean {
    return this.#resting !== undefined;
  }

  /** While it does not run: what it knew is of a time that is over. Left by `run`. */
  rest(reason: string): void {
    this.#resting = reason;
    for (const p of this.#table.all())
      if (p.mode.mode === 'running' || p.mode.mode === 'verify' || p.mode.mode === 'held') p.setMode({ mode: 'held', reason });
  }

  /** Every partition, under its regional topic's name, with what is committed of it; none while it rests. */
  *progress(): Iterable<{
    readonly topic: string;
    readonly homeTopic: string;
    readonly partition: number;
    readonly next: HomeOffset | undefined;
  }> {
    if (this.#resting !== undefined) return;
    for (const { route, partition, committed, homeTopicId } of this.#table.all()) {
      // Offsets of the topic before it was created again say nothing of this one.
      const next = committed?.topicId === homeTopicId ? committed.next : undefined;
      yield { topic: route.regional, homeTopic: route.home, partition, next };
    }
  }

  /** Every partition without its status, for who asks each second; also while it rests. */
  *places(): Iterable<{ readonly topic: string; readonly partition: number }> {
    for (const { route, partition } of this.#table.all()) yield { topic: route.regional, partition };
  }

  *status(): Iterable<{ readonly topic: string; readonly homeTopic: string; readonly partition: number; readonly status: StageStatus }> {
    for (const p of this.#table.all())
      yield { topic: p.route.regional, homeTopic: p.route.home, partition: p.partition, status: p.status() };
  }

  /** Carried out between two transactions. Rejects with `request_invalid` when it cannot be done as asked, or not now. */
  async command(command: PartitionCommand): Promise<void> {
    // Kept for when it runs again, it would be carried out in a state that nobody saw who gave it.
    if (this.#resting !== undefined)
      throw new FarshoreError('request_invalid', `The mirror does not run now: ${this.#resting}`, {
        place: command.topic,
        hint: 'Give the command again once farshore status shows that it runs.',
      });
    const done = Promise.withResolvers<void>();
    this.#commands.push({ command, done });
    await done.promise;
  }

  refreshSoon(): void {
    this.#refreshDueMs = 0;
  }

  /**
   * Runs until `stop`, then ends after the transaction in hand. `hard` gives up at once. Rejects when the
   * daemon must not go on (fenced, wrong cluster); everything else is retried here.
   */
  async run(stop: AbortSignal, hard: AbortSignal): Promise<void> {
    this.#resting = undefined;
    while (!stop.aborted) {
      // A loop that tries again in vain makes its turns all the same: a cluster that is down is no reason to restart the daemon.
      this.#turnMs = this.#deps.clock.monotonicMs();
      try {
        await this.#open(hard);
        await this.#cycles(stop, hard);
      } catch (error) {
        if (hard.aborted || stop.aborted) break;
        const known = findFarshoreError(error);
        if (known === undefined) throw error;
        if (known.action === 'halt') throw known;
        if (known.code === 'batch_refused') await this.#answers.refused(known, hard);
        if (known.code === 'cluster_denied') await this.#answers.denied(known, hard);
        this.#deps.observe({ type: 'mirror_rebuilt', code: known.code, reason: known.message });
        const delayMs = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** Math.min(this.#failures++, 10));
        await this.#deps.clock.sleep(delayMs, stop).catch(() => undefined);
      }
    }
    for (const { done } of this.#commands.splice(0)) {
      done.reject(new FarshoreError('request_invalid', 'The daemon is stopping', { hint: 'Ask again once it runs.' }));
    }
  }

  async #open(signal: AbortSignal): Promise<void> {
    this.#transaction.forget();
    this.#unrecorded.forgetPlanned(this.#table);
    // Before what is open is aborted: its markers make a log longer that was found to be cut.
    await this.#unrecorded.record(this.#deps.stops, signal);
    await this.#deps.regional.open(signal);
    const stops = await this.#deps.stops.load('mirror', signal);
    for (const { topic, partition, state, message, since } of stops)
      if (state === 'paused') this.#table.pause(topic, partition, { mode: 'paused', by: message, since });
    this.#table.stopAsRecorded(standingStops(stops));
    // What was known before the failure is proved again: every partition that ran is checked from its committed position.
    for (const p of this.#table.all())
      if (p.mode.mode === 'running' || p.mode.mode === 'verify') p.setMode({ mode: 'held', reason: 'positions are read again' });
    await this.#refresh.run(signal);
    for (const { topic, partition: number, state } of stops) {
      const partition = this.#table.get(topic, number);
      // What stopped it was checked again and is mended.
      if (state === 'stopped' && partition?.mode.mode === 'running' && partition.retrying === undefined)
        await this.#deps.stops.clear('mirror', topic, number, signal);
    }
    this.#scheduleRefresh();
  }

  /** Sooner, and then less often, while partitions are held of which a broker could not be asked: they may have a leader in a moment. */
  #scheduleRefresh(): void {
    const { refreshMs } = this.#settings;
    const inMs = this.#refresh.unproved ? Math.min(refreshMs, this.#askAgainMs) : refreshMs;
    this.#askAgainMs = this.#refresh.unproved ? Math.min(refreshMs, this.#askAgainMs * 2) : READ_RETRY_MS;
    this.#refreshDueMs = this.#deps.clock.monotonicMs() + inMs;
  }

  async #cycles(stop: AbortSignal, hard: AbortSignal): Promise<void> {
    let fetching = this.#fetching(stop);
    try {
      while (!stop.aborted) {
        const answers = await fetching.arriving;
        this.#turnMs = this.#deps.clock.monotonicMs();
        const plan = await this.#answers.plan(answers, this.#transaction, hard);
        this.#readAhead(plan);
        const between = this.#needsQuiet();
        if (!between) fetching = this.#fetching(stop);
        await this.#transaction.write(plan, hard);
        // Where it was rejected, requests may still hold the bytes: then they are left to the garbage collector.
        for (const answer of answers) if (answer.kind === 'batches') answer.release?.();
        const mayGoOn = !between && !stop.aborted && plan.stopped.length === 0;
        if (mayGoOn && this.#transaction.takesIn(fetching.answers)) continue;
        const committed = await this.#transaction.commit(hard);
        if (committed.length > 0) this.#failures = 0;
        await this.#transaction.noteWentOn(committed, hard);
        await this.#unrecorded.record(this.#deps.stops, hard);
        if (between) {
          await this.#quiet(hard);
          fetching = this.#fetching(stop);
        }
      }
    } finally {
      await fetching.arriving.catch(() => undefined);
    }
  }

  #fetching(signal: AbortSignal): Fetching {
    const fetching: Fetching = { arriving: this.#fetch(signal), answers: undefined };
    fetching.arriving.then(
      (answers) => {
        fetching.answers = answers;
      },
      // One that fails while a transaction is under way is looked at afterwards, not left unhandled.
      () => undefined,
    );
    return fetching;
  }

  /** Work that must not run beside a transaction or a fetch that was planned before it. */
  #needsQuiet(): boolean {
    if (this.#commands.length > 0 || this.#deps.clock.monotonicMs() >= this.#refreshDueMs) return true;
    for (const p of this.#table.all()) if (p.mode.mode === 'verify') return true;
    return this.#refresh.growthReady();
  }

  async #quiet(signal: AbortSignal): Promise<void> {
    for (const { command, done } of this.#commands.splice(0)) {
      try {
        await runCommand(command, this.#commandContext(), signal);
        done.resolve();
      } catch (error) {
        done.reject(error);
        if (findFarshoreError(error)?.code !== 'request_invalid') throw error;
      }
      this.#refreshDueMs = 0;
    }
    try {
      const doubtful = [...this.#table.all()].filter(({ mode }) => mode.mode === 'verify');
      const unproved = await verifyPartitions(doubtful, this.#deps, signal);
      if (unproved) this.#refreshDueMs = Math.min(this.#refreshDueMs, this.#deps.clock.monotonicMs() + READ_RETRY_MS);
      if (this.#deps.clock.monotonicMs() >= this.#refreshDueMs || this.#refresh.growthReady()) {
        for (const p of this.#table.all()) if (p.mode.mode === 'stopped' && isTriedAgain(p.mode.error.code)) p.tryAgain();
        await this.#refresh.run(signal);
        this.#scheduleRefresh();
      }
      this.#toldFailure = undefined;
    } catch (error) {
      // Only reading failed: no transaction is in doubt, so the region is not opened anew. Looked at again after a pause.
      const known = findFarshoreError(error);
      if (known === undefined || this.#regional.inDoubt || !READ_FAILURES.has(known.code)) throw error;
      if (this.#toldFailure !== known.code) this.#deps.observe({ type: 'mirror_rebuilt', code: known.code, reason: known.message });
      this.#toldFailure = known.code;
      await this.#deps.clock.sleep(READ_RETRY_MS, signal);
    }
  }

  #commandContext(): CommandContext {
    const { primary, share } = this.#settings;
    return { deps: this.#deps, table: this.#table, refresh: this.#refresh, primary, shared: share !== undefined };
  }

  async #fetch(signal: AbortSignal): Promise<readonly FetchedPartition[]> {
    const targets: FetchTarget[] = [];
    for (const p of this.#table.all()) {
      const target = p.fetchTarget(this.#settings.maxPartitionFetchBytes);
      if (target !== undefined) targets.push(target);
    }
    if (targets.length === 0) {
      await this.#deps.clock.sleep(IDLE_MS, signal).catch(() => undefined);
      return [];
    }
    const { fetchMaxWaitMs: maxWaitMs, maxCycleBytes } = this.#settings;
    return await this.#deps.home.fetch(targets, { maxWaitMs, maxBytes: this.#deps.cycleSize.limit(maxCycleBytes) }, signal);
  }

  #readAhead(plan: CyclePlan): void {
    for (const position of plan.positions) {
      const partition = this.#table.get(position.topic, position.partition);
      if (partition?.read !== undefined && partition.read.next < position.next) partition.read = position;
    }
  }
}
