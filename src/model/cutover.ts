/** The nouns of a cutover, shared by its stage, the API, the CLI and the metrics: plain values, times as ISO 8601 in UTC. */

export const cutoverStates = ['observing', 'shadowing', 'ready', 'draining', 'switched', 'completed'] as const;
export type CutoverState = (typeof cutoverStates)[number];

export const gateNames = [
  'partitions_running',
  'lag',
  'heartbeat',
  'full_audit',
  'backfill',
  'schema',
  'rejected',
  'parked',
  'divergence',
  'shadow',
  'reverse_path',
  'hold',
] as const;
export type GateName = (typeof gateNames)[number];

/** Where the home of the topics may be, and so whose writers may write. */
export const homes = ['primary', 'region'] as const;
export type Home = (typeof homes)[number];

/** Of a move of the home, in their order (C25, C24, C3). */
export const forwardSteps = [
  'read_rights',
  'freeze',
  'prove_freeze',
  'drain_first_hop',
  'drain_last_stable',
  'drain_passed',
  'drain_nothing_waiting',
  'fence_mirror',
  'from_offsets',
  'raise_epoch',
  'last_digest',
  'publish_home',
  'open',
] as const;
export type ForwardStep = (typeof forwardSteps)[number];

/** Of a move away from a primary that is lost: what can be done without it (C26). */
export const lostSteps = ['fence_mirror', 'from_offsets', 'drain_region', 'raise_epoch', 'publish_home', 'open'] as const;
export type LostStep = (typeof lostSteps)[number];

/** What undoes a move that was not opened yet. The first two only where the epoch was raised. */
export const backSteps = ['raise_epoch_back', 'publish_home_back', 'reopen'] as const;
export type BackStep = (typeof backSteps)[number];
export type CutoverStep = ForwardStep | LostStep | BackStep;

/** Of any move, each once. */
export const cutoverSteps = [...forwardSteps, 'drain_region', ...backSteps] as const satisfies readonly CutoverStep[];

export const cutoverVerbs = ['start', 'abort', 'revert', 'complete', 'hold', 'release'] as const;
export type CutoverVerb = (typeof cutoverVerbs)[number];

export type Facts = Readonly<Record<string, string | number | boolean | null>>;

/** Where the region stood when the primary was given up (C26): what is beyond it may be lost. Offsets are those of the primary, as text. */
export interface LossBound {
  /** Of the partition that was furthest behind when lag was last known; null: it is not known. */
  readonly lagSeconds: number | null;
  readonly partitions: readonly {
    /** Its name in the region. */
    readonly topic: string;
    readonly partition: number;
    /** Mirrored up to here. */
    readonly mirrored: string | null;
    /** The end at home, when it was last read; null: it never was. */
    readonly end: string | null;
  }[];
}

/** Records that a primary that was given up has in its log and the region never had. Offsets of the primary, the end not included. */
export interface UnmirroredRange {
  /** Its name in the region. */
  readonly topic: string;
  readonly primaryTopic: string;
  readonly partition: number;
  readonly from: string;
  readonly to: string;
  readonly foundAt: string;
  /** Writes the records into a file, with Kafka’s own console consumer. */
  readonly exportCommand: string;
}

/** One gate at one moment. `reason` says why it is shut, null while it is open. */
export interface GateReading {
  readonly gate: GateName;
  readonly open: boolean;
  readonly reason: string | null;
  /** What was measured, and the limits it was held against. */
  readonly facts: Facts;
}

export interface GateView extends GateReading {
  /** Since when it is as it is; null before the second reading. */
  readonly since: string | null;
}

export interface CutoverHold {
  readonly by: string;
  readonly reason: string;
  readonly at: string;
}

export interface CutoverPlan {
  readonly region: string;
  readonly primary: string;
  readonly state: CutoverState;
  readonly since: string;
  /** Why it is in this state. */
  readonly reason: string;
  readonly epoch: string;
  readonly home: Home;
  /** Whose writers may write now, as recorded before it was acted on. */
  readonly open: Home | 'nobody';
  readonly hold: CutoverHold | null;
  /** Null on a daemon that stands by: only the active one measures. */
  readonly measured: {
    readonly at: string;
    readonly gates: readonly GateView[];
    readonly window: { readonly seconds: number; readonly heldSeconds: number; readonly readings: number; readonly broken: string | null };
  } | null;
  /** What `start` goes through, and where a move under way stands. */
  readonly steps: readonly { readonly step: CutoverStep; readonly what: string; readonly state: 'to_do' | 'started' | 'done' }[];
  /** What each verb would be refused with now; null: it would be taken. */
  readonly verbs: readonly { readonly verb: CutoverVerb; readonly refused: string | null }[];
  /** What would run at which state, and is not run by this. */
  readonly hooks: readonly { readonly on: CutoverState; readonly what: string }[];
}

/** One entry of farshore.cutover_log. */
export interface CutoverLogEntry {
  readonly revision: string;
  readonly at: string;
  readonly by: string;
  readonly event: string;
  readonly from: CutoverState;
  readonly to: CutoverState;
  readonly epoch: string;
  readonly open: Home | 'nobody';
  readonly step: CutoverStep | null;
  readonly reason: string;
  /** The gates that allowed or ended it; null where gates decide nothing. */
  readonly gates: readonly GateReading[] | null;
  readonly facts: unknown;
  /** Hooks that were run for it; a result of null: its end is not recorded. */
  readonly hooks: readonly { readonly hook: string; readonly result: 'done' | 'failed' | null; readonly detail: string | null }[];
}

/** The answer for load balancers. */
export interface ActiveView {
  readonly active: boolean;
  readonly region: string;
  readonly state: CutoverState | null;
  /** What writers of this region pass to farshore.assert_writer; null where they may not write. */
  readonly writerEpoch: string | null;
  /** Since the stored state was read; null: it never was. */
  readonly ageSeconds: number | null;
  readonly reason: string;
}
