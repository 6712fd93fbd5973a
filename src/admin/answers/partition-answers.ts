import { components } from '../../model/events.ts';
import type {
  DaemonStatus,
  LagValue,
  LostRange,
  OffsetPair,
  OffsetsView,
  OffsetTranslation,
  PartitionStatus,
  RecordedAction,
  StageStatus,
} from '../../model/status.ts';
import { errorCode } from './error-answers.ts';
import {
  either,
  flag,
  listOf,
  named,
  number,
  oneOf,
  only,
  optional,
  orNull,
  type SchemaOf,
  shape,
  tableOf,
  text,
  time,
  whole,
  wholeText,
} from './schema-of.ts';

const lost = named<LostRange>('LostRange', { from: wholeText, to: wholeText });

const stage = named<StageStatus>('StageStatus', {
  state: oneOf(['running', 'waiting', 'paused', 'stopped']),
  next: orNull(wholeText),
  end: orNull(wholeText),
  code: orNull(errorCode),
  message: orNull(text),
  hint: orNull(text),
  lost: optional(lost),
  since: orNull(time),
});

const lag = named<LagValue>('Lag', { known: flag, seconds: orNull(number), records: orNull(wholeText) });
const lags = shape<PartitionStatus['lag']>({ mirror: lag, apply: orNull(lag), total: orNull(lag) });
const place = { topic: text, partition: whole } as const;
const heartbeat = shape<DaemonStatus['heartbeat']>({ latencySeconds: orNull(number), ageSeconds: orNull(number) });
const partition = named<PartitionStatus>('Partition', {
  ...place,
  mirror: orNull(stage),
  apply: orNull(stage),
  lag: lags,
  headroom: optional(wholeText),
});

export const statusAnswer: SchemaOf<DaemonStatus> = named<DaemonStatus>('Status', {
  region: text,
  primary: text,
  version: text,
  role: oneOf(['starting', 'standby', 'active', 'stopping']),
  startedAt: time,
  leaseEpoch: orNull(wholeText),
  components: listOf(
    shape<DaemonStatus['components'][number]>({
      component: oneOf(components),
      up: flag,
      reason: orNull(text),
    }),
  ),
  partitions: listOf(partition),
  tables: listOf(
    shape<DaemonStatus['tables'][number]>({
      table: text,
      topic: text,
      state: oneOf(['applying', 'stopped']),
      reason: orNull(text),
      needsFullAudit: optional(only(true)),
    }),
  ),
  rejected: orNull(listOf(shape<NonNullable<DaemonStatus['rejected']>[number]>({ table: text, records: whole, parked: whole }))),
  heartbeat,
  counters: shape<DaemonStatus['counters']>({ mirroredRecords: wholeText, appliedRecords: wholeText }),
  shards: optional(
    shape<NonNullable<DaemonStatus['shards']>>({
      count: whole,
      held: listOf(whole),
      holders: orNull(listOf(shape<{ readonly shard: number; readonly holder: string }>({ shard: whole, holder: text }))),
    }),
  ),
});

export type LagAnswer = Pick<DaemonStatus, 'region' | 'primary' | 'heartbeat'> & {
  readonly partitions: readonly Pick<PartitionStatus, 'topic' | 'partition' | 'lag'>[];
};
export const lagAnswer = shape<LagAnswer>({
  region: text,
  primary: text,
  heartbeat,
  partitions: listOf(shape<LagAnswer['partitions'][number]>({ ...place, lag: lags })),
});

type Stages = Pick<PartitionStatus, 'topic' | 'partition' | 'mirror' | 'apply'>;
export const partitionsAnswer = shape<{ readonly partitions: readonly Stages[] }>({
  partitions: listOf(shape<Stages>({ ...place, mirror: orNull(stage), apply: orNull(stage) })),
});

export const actionsAnswer = shape<{ readonly actions: readonly RecordedAction[] }>({
  actions: listOf(
    named<RecordedAction>('RecordedAction', {
      at: time,
      by: text,
      action: text,
      stage: text,
      ...place,
      code: orNull(text),
      lost: orNull(lost),
      options: tableOf(either(text, flag)),
    }),
  ),
});

const pair = named<OffsetPair>('OffsetPair', { home: wholeText, regional: wholeText });
export const offsetsAnswer: SchemaOf<OffsetsView> = shape<OffsetsView>({
  partitions: listOf(
    shape<OffsetsView['partitions'][number]>({
      ...place,
      homeTopicId: text,
      regionalTopicId: text,
      points: whole,
      first: orNull(pair),
      last: orNull(pair),
    }),
  ),
  translation: orNull(
    shape<OffsetTranslation>({ from: oneOf(['home', 'regional']), asked: wholeText, at: orNull(pair), next: orNull(pair) }),
  ),
});

export interface PartitionsChanged {
  readonly done: 'pause' | 'resume';
  readonly topic: string;
  /** Null: every partition of the topic. */
  readonly partition: number | null;
  readonly stage: 'mirror' | 'apply' | null;
}
export const partitionsChanged = shape<PartitionsChanged>({
  done: oneOf(['pause', 'resume']),
  topic: text,
  partition: orNull(whole),
  stage: orNull(oneOf(['mirror', 'apply'])),
});
