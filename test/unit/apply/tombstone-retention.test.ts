import { describe, expect, it } from 'vitest';
import { type PrunePage, pruneTombstones } from '../../../src/apply/prune-tombstones.ts';
import { type PartitionStanding, type SourceLog, tombstoneKeep, whyNoneMayGo } from '../../../src/apply/tombstone-retention.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';

const DAY = 86_400_000;
const rules = { parkedMs: 0, marginMs: DAY };

const log = (configs: Readonly<Record<string, string>> | undefined, name = 'home'): SourceLog => ({
  name,
  configs: configs === undefined ? undefined : new Map(Object.entries(configs)),
});
const deleting = (days: number, policy = 'delete'): SourceLog =>
  log({ 'cleanup.policy': policy, 'retention.ms': String(days * DAY), 'segment.ms': String(DAY) });

describe('C4: how long a delete is remembered', () => {
  it('C4: is the longest retention of the logs, home’s or the region’s, with an open segment and the margin', () => {
    expect(tombstoneKeep([deleting(7), deleting(3)], rules)).toEqual({ kind: 'for', ms: 9 * DAY });
    expect(tombstoneKeep([deleting(3), deleting(7), deleting(5)], rules)).toEqual({ kind: 'for', ms: 9 * DAY });
  });

  it('C4: is the parked window where that is longer', () => {
    expect(tombstoneKeep([deleting(7)], { ...rules, parkedMs: 30 * DAY })).toEqual({ kind: 'for', ms: 31 * DAY });
  });

  it('C4: is for ever where a log is compacted without a limit in time, or keeps everything', () => {
    const ever = { kind: 'ever' };
    expect(tombstoneKeep([deleting(7), deleting(7, 'compact')], rules)).toEqual(ever);
    expect(tombstoneKeep([log({ 'cleanup.policy': 'delete', 'retention.ms': '-1', 'segment.ms': '1' }), deleting(7)], rules)).toEqual(ever);
    const most = { 'cleanup.policy': 'delete', 'retention.ms': '9223372036854775807', 'segment.ms': '1' };
    expect(tombstoneKeep([log(most)], rules)).toEqual(ever);
  });

  it('C4: is the retention where a log is compacted and deleted', () => {
    expect(tombstoneKeep([deleting(7, 'compact, delete')], rules)).toEqual({ kind: 'for', ms: 9 * DAY });
  });

  it.each([
    ['the topic could not be read', undefined],
    ['no policy was told', { 'retention.ms': '5', 'segment.ms': '5' }],
    ['no retention was told', { 'cleanup.policy': 'delete', 'segment.ms': '5' }],
    ['no segment time was told', { 'cleanup.policy': 'delete', 'retention.ms': '5' }],
    ['the retention is no number', { 'cleanup.policy': 'delete', 'retention.ms': '7d', 'segment.ms': '5' }],
  ])('C4: is unknown when %s, whatever the other log says', (_name, configs) => {
    for (const other of [deleting(7), deleting(7, 'compact')]) {
      expect(tombstoneKeep([other, log(configs, 'region')], rules)).toEqual({
        kind: 'unknown',
        reason: 'how long region keeps records could not be read',
      });
    }
    expect(tombstoneKeep([], rules).kind).toBe('unknown');
  });
});

const standing = (changes: Partial<PartitionStanding> = {}): PartitionStanding => ({
  topic: 't',
  partition: 0,
  mirror: 'running',
  apply: 'running',
  total: { known: true, seconds: 1, records: '1' },
  ...changes,
});

describe('C4: whether a delete may be forgotten now', () => {
  it('C4: it may while all partitions run and lag less than the margin', () => {
    expect(whyNoneMayGo(['t', 'u'], [standing(), standing({ partition: 1 }), standing({ topic: 'u' })], DAY)).toBeUndefined();
    expect(whyNoneMayGo(['t'], [standing(), standing({ topic: 'other', apply: 'stopped' })], DAY)).toBeUndefined();
  });

  it.each<[string, Partial<PartitionStanding>]>([
    ['t:1 is stopped (apply)', { apply: 'stopped' }],
    ['t:1 is waiting (apply)', { apply: 'waiting' }],
    ['t:1 is not applied (apply)', { apply: undefined }],
    ['t:1 is paused (mirror)', { mirror: 'paused' }],
    ['t:1 is not mirrored (mirror)', { mirror: undefined }],
    ['the lag of t:1 is not known', { total: undefined }],
    ['the lag of t:1 is not known', { total: { known: false, seconds: 1, records: '1' } }],
    ['the lag of t:1 is not known', { total: { known: true, seconds: null, records: null } }],
    ['t:1 lags 86400 s', { total: { known: true, seconds: 86_400, records: '9' } }],
  ])('C4: it may not: %s', (reason, changes) => {
    expect(whyNoneMayGo(['t'], [standing(), standing({ partition: 1, ...changes })], DAY)).toBe(reason);
  });

  it('C4: it may not while a topic of the table has no partition yet', () => {
    expect(whyNoneMayGo(['t', 'u'], [standing()], DAY)).toBe('no partition of u is applied');
  });
});

describe('a pass over remembered deletes', () => {
  async function pass(logs: readonly SourceLog[], standings: readonly (readonly PartitionStanding[])[]) {
    const events: FarshoreEvent[] = [];
    const pages: PrunePage[] = [];
    const answers = [
      { deleted: 1_000, last: '[1]' },
      { deleted: 0, last: '[2]' },
      { deleted: 0, last: undefined },
    ];
    const states = [...standings];
    const sources = {
      store: {
        prune: async (page: PrunePage) => {
          pages.push(page);
          return answers[pages.length - 1]!;
        },
      },
      epoch: 3n,
      logs: async () => logs,
      standings: () => (states.length > 1 ? states.shift()! : states[0]!),
      observe: (event: FarshoreEvent) => events.push(event),
    };
    await pruneTombstones(new Map([['public.t', ['t']]]), rules, sources, new AbortController().signal);
    return { events, pages };
  }

  it('goes page by page to the end, and tells what went', async () => {
    const { events, pages } = await pass([deleting(7)], [[standing()]]);
    const same = { table: 'public.t', topics: ['t'], epoch: 3n, keepMs: 9 * DAY, limit: 1_000 };
    expect(pages).toEqual([
      { ...same, after: undefined },
      { ...same, after: '[1]' },
      { ...same, after: '[2]' },
    ]);
    expect(events).toEqual([{ type: 'tombstones_pruned', table: 'public.t', tombstones: 1_000, keptMs: 9 * DAY }]);
  });

  it('C4: touches nothing where deletes are kept for ever, or where it is not known, which it tells', async () => {
    expect(await pass([deleting(7, 'compact')], [[standing()]])).toEqual({ events: [], pages: [] });
    const { events, pages } = await pass([log(undefined)], [[standing()]]);
    expect([events.map(({ type }) => type), pages]).toEqual([['tombstones_kept'], []]);
  });

  it('C4: ends between two pages when a partition stops', async () => {
    const { events, pages } = await pass([deleting(7)], [[standing()], [standing({ apply: 'stopped' })]]);
    expect(pages).toHaveLength(1);
    expect(events.at(-1)).toEqual({ type: 'tombstones_kept', table: 'public.t', reason: 't:0 is stopped (apply)' });
  });
});
