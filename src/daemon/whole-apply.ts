import type { ApplyStage } from '../apply/apply-stage.ts';
import type { ApplyProgress } from '../lag/contracts.ts';
import type { TopicPartition } from '../model/partition.ts';
import type { StageStatus } from '../model/status.ts';
import type { RegionApply } from './region-stages.ts';

type Mirrored = () => Iterable<TopicPartition>;

/**
 * Apply of a daemon that applies everything, with what it should hold and does not. Read from apply alone, a partition that it could not take (a
 * right is missing, the database refuses) would be one that is only mirrored: without lag of apply, and in nobody's way.
 */
export function wholeApply(apply: ApplyStage, mirrored: Mirrored, applied: ReadonlySet<string>): RegionApply {
  function* notTaken(): Iterable<TopicPartition> {
    for (const { topic, partition } of mirrored()) if (applied.has(topic) && !apply.has(topic, partition)) yield { topic, partition };
  }
  return {
    get lastTurnMs() {
      return apply.lastTurnMs;
    },
    *statuses() {
      yield* apply.statuses();
      for (const { topic, partition } of notTaken()) yield { topic, partition, status: statusOf(apply, topic) };
    },
    *progress(): Iterable<ApplyProgress> {
      yield* apply.progress();
      for (const { topic, partition } of notTaken()) yield { topic, partition, next: undefined };
    },
    tables: () => apply.tables(),
    metSchemas: (topic) => apply.metSchemas(topic),
  };
}

function statusOf(apply: Pick<ApplyStage, 'refusal' | 'failure'>, topic: string): StageStatus {
  const base = { next: null, end: null, code: null, message: null, hint: null, since: null };
  const refusal = apply.refusal(topic);
  if (refusal !== undefined) {
    const { code, message, hint = null } = refusal;
    return { ...base, state: 'stopped', code, message, hint };
  }
  const { failure } = apply;
  const message = failure === undefined ? 'apply has not taken it yet' : `apply could not take it: ${failure.message}`;
  return { ...base, state: 'waiting', message };
}
