import { FarshoreError } from '../model/errors.ts';
import type { Statement, StatementResult } from './contracts.ts';

/**
 * Whether this region has been home, and written to, in an epoch later than the record's; as SQL over a row `t` of farshore.topics. An epoch that
 * the cutover here raised and never opened does not count: nobody has written in it.
 */
export const overtakenSql = (region: string, homeEpoch: string): string => `exists (select 1 from farshore.home_epochs h
   where h.topic = t.topic and h.home = ${region} and h.home_epoch > ${homeEpoch}
     and (exists (select 1 from farshore.cutover_log l where l.epoch = h.home_epoch and l.open = 'region')
          or not exists (select 1 from farshore.cutover_log l where l.epoch = h.home_epoch)))`;

const standingText = `select t.home = $2 as here, ${overtakenSql('$2', '$3')} as overtaken
  from farshore.topics t where t.topic = $1 for share of t`;

interface Kept {
  readonly id: string;
  readonly topic: string;
  readonly homeEpoch: number;
}

/**
 * Asked first in the transaction that applies a kept record. It holds the topic's row: the statement that moves the home here waits for
 * that transaction, and every one that begins later is refused.
 */
export const homeOfKept = ({ topic, homeEpoch }: Kept, region: string): Statement => ({
  name: 'farshore_home_of_kept',
  text: standingText,
  values: [topic, region, homeEpoch],
});

/**
 * Throws `request_invalid` where a record of an older home epoch would go over what was written here since: applications leave `farshore_version`
 * as it was, and the record's own is above it. A topic that the ledger does not know never had another home.
 */
export function needOlderHome({ id, topic }: Kept, answer: StatementResult | undefined): void {
  const [row] = answer?.rows ?? [];
  if (row?.here !== 't' && row?.overtaken !== 't') return;
  const since = row.here === 't' ? 'is home' : 'has been home';
  throw new FarshoreError(
    'request_invalid',
    `This region ${since} of ${topic} since the record was written: it would go over what was written here`,
    {
      place: `rejected record ${id}`,
      hint: 'Write what is to stay of it through the applications, then discard it: farshore rejected discard.',
    },
  );
}
