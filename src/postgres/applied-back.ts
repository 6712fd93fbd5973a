import type { AppliedBack } from '../cutover/step-contracts.ts';
import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import { topicPartitionKey } from '../model/partition.ts';
import type { Database } from './database.ts';
import { integer, json } from './result-values.ts';

/** One statement, so that positions and what was kept beside them are of one moment. */
const appliedText = `select
  (select coalesce(json_agg(json_build_object('topic', p.topic, 'partition', p.partition, 'next', p.next_offset::text)), '[]')
     from farshore.apply_positions p where p.topic = any ($1::text[])) as positions,
  (select count(*) from farshore.rejected_records r where r.topic = any ($1::text[]) and r.waits_for is not null) as parked,
  (select count(*) from farshore.rejected_records r where r.topic = any ($1::text[]) and r.waits_for is null and r.home_epoch >= $2) as rejected,
  (select coalesce(json_agg(s.topic || ':' || s.partition || ' is ' || s.state || ', ' || s.code order by s.topic, s.partition), '[]')
     from farshore.partition_stops s where s.stage = 'apply' and s.topic = any ($1::text[])) as stops`;

const hint = 'The daemon that carries back applies into this database; its role needs the rights that deploy/postgres/roles.sql gives.';

/** What the daemon that serves the primary has applied in the primary's database, by its own tables there. */
export function appliedBack(database: Database): AppliedBack {
  return {
    async notApplied(wanted, homeEpoch, signal) {
      const topics = [...new Set(wanted.map(({ topic }) => topic))];
      if (topics.length === 0) return [];
      const asked = await database.query({ text: appliedText, values: [topics, homeEpoch] }, signal).catch((error: unknown) => {
        // Nothing shows that it was applied: a table that is not there, or may not be read, is no reason to open.
        const known = findFarshoreError(error);
        if (known?.action === 'stop') return known;
        throw error;
      });
      if (asked instanceof FarshoreError) return [`what the primary's database applied could not be read: ${asked.message} ${hint}`];
      const row = asked.rows[0]!;
      const found = json(row, 'positions') as readonly { readonly topic: string; readonly partition: number; readonly next: string }[];
      const next = new Map(found.map((one) => [topicPartitionKey(one.topic, one.partition), BigInt(one.next)]));
      const [parked, rejected] = [integer(row, 'parked'), integer(row, 'rejected')];
      return [
        ...wanted.flatMap(({ topic, partition, end }) => {
          const at = next.get(topicPartitionKey(topic, partition));
          return at !== undefined && at >= end
            ? []
            : [`the primary's database applied ${topic}:${partition} to ${at ?? 'no position'}, and it ends at ${end}`];
        }),
        ...(parked > 0 ? [`${parked} records that came back are parked at the primary`] : []),
        ...(rejected > 0 ? [`${rejected} records that came back were rejected at the primary`] : []),
        ...(json(row, 'stops') as readonly string[]).map((stop) => `at the primary, apply of ${stop}`),
      ];
    },
  };
}
