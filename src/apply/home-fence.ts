import { FarshoreError } from '../model/errors.ts';
import type { HomeState } from '../model/home-state.ts';
import type { Statement, StatementResult } from './contracts.ts';

/** Whether the region's writers were let in, in the epoch of a row `h` of farshore.home_epochs; where nothing tells, they may have been. */
const openedSql = `(exists (select 1 from farshore.cutover_log l where l.epoch = h.home_epoch and l.open = 'region')
          or not exists (select 1 from farshore.cutover_log l where l.epoch = h.home_epoch))`;

/**
 * Whether the region's applications have written, or are about to, in the epoch of a row `h` of farshore.home_epochs; `t` is that of farshore.topics.
 * An epoch of which its cutovers know nothing was none for these rows: it came to the ledger from other clusters, since the database went back to a
 * backup from before it. Where cutovers are recorded elsewhere (`standby`, beside the primary) it may have been one.
 */
export const writtenSql = (region: string, standby: string): string => `(h.home = ${region} and (h.home_epoch = t.home_epoch
          or exists (select 1 from farshore.cutover_log l where l.epoch = h.home_epoch and l.open = 'region')
          or (${standby}::boolean and not exists (select 1 from farshore.cutover_log l where l.epoch = h.home_epoch))))`;

/**
 * Whether this region has been home, and written to, in an epoch later than a state's; as SQL over a row `t` of farshore.topics. An epoch that
 * the cutover here raised and never opened does not count: nobody has written in it.
 */
export const overtakenSql = (region: string, homeEpoch: string): string => `exists (select 1 from farshore.home_epochs h
   where h.topic = t.topic and h.home = ${region} and h.home_epoch > ${homeEpoch} and ${openedSql})`;

const standingText = `select s.topic, c.region is not null or coalesce(t.home = $3, false) as here
  from unnest($1::text[], $2::integer[]) as s (topic, home_epoch)
  left join farshore.topics t on t.topic = s.topic
  left join farshore.cutover c on c.home = 'region'
 where c.region is not null or t.home = $3 or ${overtakenSql('$3', 's.home_epoch')}
 order by s.topic limit 1`;

/**
 * For every transaction that writes a state which did not come by the stream just now: a kept record, a row that the audit repairs, a chunk of a
 * backfill. Applications of the region leave `farshore_version` as it was, so no guard of a row tells that it is theirs; the transaction asks,
 * before it writes, whether the region is the home, or was and was written to since the state was.
 *
 *     writing:  locks topics, writer_epoch · is not home ..... rows ... commit
 *     cutover:                       update topics waits ............... home moves ... opens
 *
 * and the other way round the writing waits, and then reads that the home has moved. The locks are statements of their own, since one that waited
 * would answer from before its wait. The topics' rows order it against every move of a home, also one that another region decided; the
 * writers' epoch against every opening, whatever the ledger says of the topic. In this order, in which farshore.change_cutover takes them (of several
 * topics in any order: should the two meet there, the server ends one, and it is tried again).
 */
export function homeFence(states: readonly HomeState[], region: string): readonly Statement[] {
  if (states.length === 0) throw new FarshoreError('internal', 'A state of no topic was to be written');
  const topics = states.map(({ topic }) => topic);
  return [
    {
      name: 'farshore_home_fence_topics',
      text: 'select 1 from farshore.topics t where t.topic = any ($1::text[]) order by t.topic for share',
      values: [topics],
    },
    { name: 'farshore_home_fence_writers', text: 'select 1 from farshore.writer_epoch for share', values: [] },
    { name: 'farshore_home_fence', text: standingText, values: [topics, states.map(({ homeEpoch }) => homeEpoch), region] },
  ];
}

/** Why the states must not be written, as what this region is; undefined: they may. `answer` is that of the fence's last statement. */
export function homeMoved(answer: StatementResult | undefined): string | undefined {
  if (answer === undefined) throw new FarshoreError('internal', 'The home was not asked for');
  const [row] = answer.rows;
  if (row === undefined) return undefined;
  return `${row.here === 't' ? 'is home' : 'has been home'} of ${String(row.topic)}`;
}
