import type { OffsetsRequest } from '../admin/contracts.ts';
import type { KeptOffsets } from '../mirror/offset-keeper.ts';
import { type OffsetPoint, toHome, toRegional } from '../mirror/offset-points.ts';
import { FarshoreError } from '../model/errors.ts';
import { homeOffset, offsetValue, regionalOffset } from '../model/offsets.ts';
import { topicPartitionKey } from '../model/partition.ts';
import type { OffsetPair, OffsetsView, OffsetTranslation } from '../model/status.ts';

const pair = (point: OffsetPoint | undefined): OffsetPair | null =>
  point === undefined ? null : { home: String(offsetValue(point.home)), regional: String(offsetValue(point.regional)) };

/** Answers a question about offsets from what is kept. Throws `request_invalid` for what is not mirrored here. */
export function offsetsView(kept: Iterable<KeptOffsets>, { topic, partition, asked }: OffsetsRequest): OffsetsView {
  const found = [...kept]
    .filter((one) => (topic === undefined || one.topic === topic) && (partition === undefined || one.partition === partition))
    .sort((a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition);
  if (topic !== undefined && found.length === 0) {
    const place = partition === undefined ? topic : topicPartitionKey(topic, partition);
    throw new FarshoreError('request_invalid', `No offsets of ${place} are known`, {
      place,
      hint: 'Name the topic as it is named in the region; farshore partition list shows what is mirrored.',
    });
  }
  const [one] = found;
  return {
    partitions: found.map(({ topic: name, partition: number, homeTopicId, regionalTopicId, points }) => ({
      topic: name,
      partition: number,
      homeTopicId,
      regionalTopicId,
      points: points.length,
      first: pair(points[0]),
      last: pair(points.at(-1)),
    })),
    translation: asked === undefined || one === undefined ? null : translate(one.points, asked),
  };
}

function translate(points: readonly OffsetPoint[], { from, offset }: NonNullable<OffsetsRequest['asked']>): OffsetTranslation {
  const found = from === 'home' ? toRegional(points, homeOffset(offset)) : toHome(points, regionalOffset(offset));
  return { from, asked: String(offset), at: pair(found?.at), next: pair(found?.next) };
}
