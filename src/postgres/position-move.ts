import type { Statement } from '../apply/contracts.ts';
import { writtenSql } from '../apply/home-fence.ts';
import { assertNoOlderHome, type HomesNow } from '../apply/resume-home.ts';
import type { OperatorAction } from '../mirror/contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import { offsetValue, type RegionalOffset } from '../model/offsets.ts';
import type { Database } from './database.ts';
import { json, type TextRow, text } from './result-values.ts';
import { recordActionStatement } from './stop-ledger.ts';
import { type EpochStart, homeEpochsOf } from './topic-orders.ts';

export interface PositionMove {
  readonly topic: string;
  readonly partition: number;
  /** Topic id the offset belongs to: a new one when a re-created topic is accepted. */
  readonly topicId: string;
  /** Where the position must stand now; anything else is `position_moved`. */
  readonly expected: RegionalOffset;
  readonly expectedTopicId: string;
  readonly next: RegionalOffset;
  readonly epoch: bigint;
  readonly action: OperatorAction;
  /** Its name, as the ledger has it. */
  readonly region: string;
  /** Its cutovers are recorded elsewhere: a daemon that serves the primary. */
  readonly standby: boolean;
}

/**
 * As the fence of homes (src/apply/home-fence.ts), and the cutover's row: a drain that has seen this position must not end with it moved back. Held
 * for one short transaction, in the order in which farshore.change_cutover takes them.
 */
const homesStatements = ({ topic, topicId, region, standby }: PositionMove): readonly Statement[] => [
  { text: 'select 1 from farshore.cutover for share', values: [] },
  { text: 'select 1 from farshore.topics t where t.topic = $1 for share', values: [topic] },
  {
    // Where the ledger knows a log that had the name before, its offsets say nothing of this one.
    text: `with known as (
  select h.* from farshore.home_epochs h join farshore.topics t on t.topic = h.topic where h.topic = $1 and t.regional_topic_id = $4::uuid
)
select (select coalesce(json_agg(json_build_array(h.home_epoch, h.home, h.partition, h.from_offset::text)
                                order by h.home_epoch, h.partition), '[]') from known h) as epochs,
       (select coalesce(json_agg(distinct h.home_epoch), '[]')
          from known h left join farshore.topics t on t.topic = h.topic where ${writtenSql('$2', '$3')}) as written,
       exists (select 1 from farshore.cutover c where c.move ->> 'to' = 'region') as arriving`,
    values: [topic, region, standby, topicId],
  },
];

function homesNow(row: TextRow | undefined): HomesNow {
  if (row === undefined) throw new FarshoreError('internal', 'The homes of a topic were not told');
  return {
    homeEpochs: homeEpochsOf(json(row, 'epochs') as readonly EpochStart[]),
    written: new Set(json(row, 'written') as readonly number[]),
    arriving: text(row, 'arriving') === 't',
  };
}

/**
 * Sets a position where an operator wants it, forward or back, with the entry that says who asked, in one
 * transaction behind the fence. What proved the log (epoch and checksum of the last batch) is forgotten: no batch
 * was read there. Rejects with `fenced` or `position_moved`, and with `request_invalid` where records of an older home would come; offsets of a topic
 * that was created again are of another log, and are not compared.
 */
export async function movePositionTo(database: Database, move: PositionMove, signal: AbortSignal): Promise<void> {
  const { topic, partition, topicId, expected, expectedTopicId, epoch, action, region } = move;
  const [from, next] = [offsetValue(expected), offsetValue(move.next)];
  await database.conversation(
    [
      () => homesStatements(move),
      (answers) => {
        if (topicId === expectedTopicId)
          assertNoOlderHome({ topic, partition, from, next }, homesNow(answers.at(-1)?.rows[0] as TextRow | undefined), region);
        return [
          {
            text: 'select farshore.check_fence($1, $2, $3, $4, $5)',
            values: [topic, partition, expectedTopicId, from, epoch],
          },
          {
            text: `update farshore.apply_positions
   set topic_id = $3, next_offset = $4, leader_epoch = -1, last_crc = null, updated_at = clock_timestamp()
 where topic = $1 and partition = $2`,
            values: [topic, partition, topicId, next],
          },
          recordActionStatement(action),
        ];
      },
    ],
    signal,
  );
}
