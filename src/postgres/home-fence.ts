import { FarshoreError } from '../model/errors.ts';

/**
 * For transactions that write what the primary had at an earlier time: rows that the audit repairs. What the region's own
 * writers write does not raise a row's version, so no guard tells that a row is theirs. The region opens, and its home moves, by an update of
 * `farshore.writer_epoch`, which waits for the first of these statements; the second sees what was decided before:
 *
 *     repair:  locks writer_epoch · home is primary ..... rows ... commit
 *     cutover:                        update writer_epoch waits .......... opens
 *
 * and the other way round the repair waits, and then reads that the home is the region. Two statements, since one would see farshore.cutover as it
 * was before it waited.
 */
export const homeFence = [
  { text: 'select 1 from farshore.writer_epoch for share', values: [] },
  { text: `select c.region from farshore.cutover c where c.home = 'region'`, values: [] },
] as const;

/** Throws `request_invalid` where the second of the statements found the region to be the home. */
export function assertRegionNotHome(rows: readonly Readonly<Record<string, unknown>>[], what: string): void {
  const [found] = rows;
  if (found === undefined) return;
  throw new FarshoreError('request_invalid', `${what}: the home is ${String(found.region)}`, {
    hint: 'farshore cutover plan shows where the home is. What was not done yet stays as it was.',
  });
}
