import { describe, expect, it } from 'vitest';
import type { TopicDescription, TopicRecord } from '../../../src/mirror/contracts.ts';
import { growthMayBeRecorded, nextTopicStep, type TopicView } from '../../../src/mirror/topic-plan.ts';
import { regionalOffset } from '../../../src/model/offsets.ts';

const topic = (topicId: string, count: number): TopicDescription => ({
  topic: 'billing.invoices',
  topicId,
  partitions: Array.from({ length: count }, (_, partition) => ({ partition, leaderEpoch: 0, available: true })),
});

const record = (changes: Partial<TopicRecord> = {}): TopicRecord => ({
  topic: 'billing.invoices',
  home: 'us-east',
  homeEpoch: 1,
  homeTopicId: 'home',
  regionalTopicId: 'region',
  partitions: 4,
  generations: [{ generation: 1, starts: new Map([[0, regionalOffset(0n)]]) }],
  mirroredFrom: new Map([[0, regionalOffset(0n)]]),
  epochFrom: new Map([[0, regionalOffset(0n)]]),
  ...changes,
});

const view = (changes: Partial<TopicView> = {}): TopicView => ({
  route: { home: 'billing.invoices', regional: 'billing.invoices' },
  primary: 'us-east',
  home: topic('home', 4),
  regional: topic('region', 4),
  record: record(),
  publishedHome: undefined,
  acceptRecreated: false,
  restartRecreated: false,
  ...changes,
});

const step = (changes: Partial<TopicView>) => {
  const next = nextTopicStep(view(changes));
  return next.kind === 'stop' ? next.error.code : next.kind === 'raise' ? next.reason : next.kind;
};

describe('the next step towards a topic that may be mirrored', () => {
  it('creates the mirror with the partitions of home, then claims the home, then is ready', () => {
    expect(nextTopicStep(view({ regional: undefined, record: undefined }))).toEqual({ kind: 'create', partitions: 4 });
    expect(step({ record: undefined })).toBe('claim');
    expect(step({})).toBe('ready');
  });

  it('grows the mirror first and records the growth as a generation after', () => {
    expect(nextTopicStep(view({ home: topic('home', 12) }))).toEqual({ kind: 'grow', partitions: 12 });
    expect(step({ home: topic('home', 12), regional: topic('region', 12) })).toBe('partitions_grown');
  });

  it('C1: a topic created again at home is taken by policy, one created again in the region by an operator only', () => {
    expect(step({ home: topic('other', 4) })).toBe('source_recreated');
    expect(step({ home: topic('other', 4), restartRecreated: true })).toBe('home_recreated');
    expect(step({ home: topic('other', 4), acceptRecreated: true })).toBe('home_recreated');
    expect(step({ regional: topic('other', 4), restartRecreated: true })).toBe('region_recreated');
    expect(step({ regional: undefined, restartRecreated: true })).toBe('region_recreated');
    expect(step({ regional: undefined, acceptRecreated: true })).toBe('create');
  });

  it('never shrinks', () => {
    expect(step({ home: topic('home', 2) })).toBe('partitions_shrunk');
    expect(step({ regional: topic('region', 5) })).toBe('partitions_shrunk');
  });

  it('C24: refuses a topic whose home is elsewhere, whether the ledger or the other cluster says so', () => {
    expect(step({ record: record({ home: 'eu-west' }) })).toBe('home_elsewhere');
    expect(step({ publishedHome: { home: 'eu-west', epoch: 1 }, record: undefined, regional: undefined })).toBe('home_elsewhere');
    expect(step({ publishedHome: { home: 'us-east', epoch: 1 } })).toBe('ready');
  });

  it('C24: takes over what a cutover between these two clusters moved to its primary, and nothing else', () => {
    const second = { home: 'us-east', epoch: 2 };
    const own = record({ home: 'eu-west' });
    // Told in both clusters: this region was the home before.
    expect(step({ publishedHome: second, publishedInRegion: second, record: undefined })).toBe('claim');
    expect(step({ publishedHome: second, publishedInRegion: second, record: own })).toBe('adopt');
    expect(step({ publishedHome: second, publishedInRegion: second, record: record({ homeEpoch: 2 }) })).toBe('ready');
    // Told at home only: the old home is told first, so the move is not over yet.
    expect(step({ publishedHome: second, publishedInRegion: { home: 'eu-west', epoch: 1 }, record: own })).toBe('home_elsewhere');
    // A third region mirrored it all the time.
    expect(step({ publishedHome: { home: 'us-east', epoch: 3 }, publishedInRegion: { home: 'us-east', epoch: 1 } })).toBe('ready');
    expect(step({ publishedHome: { home: 'eu-west', epoch: 3 }, publishedInRegion: { home: 'eu-west', epoch: 3 }, record: own })).toBe(
      'home_elsewhere',
    );
  });

  it('C1: a new topic id at home stops, and starts a generation once it was accepted', () => {
    expect(step({ home: topic('another', 4) })).toBe('source_recreated');
    expect(step({ home: topic('another', 4), acceptRecreated: true })).toBe('home_recreated');
  });

  it('C1: a new topic id in the region stops, and starts a generation once it was accepted', () => {
    expect(step({ regional: topic('another', 4) })).toBe('region_recreated');
    expect(step({ regional: undefined })).toBe('region_recreated');
    expect(step({ regional: topic('another', 4), acceptRecreated: true })).toBe('region_recreated');
    expect(nextTopicStep(view({ regional: undefined, acceptRecreated: true }))).toEqual({ kind: 'create', partitions: 4 });
  });

  it('prints the command that resumes each stop', () => {
    for (const changes of [{ home: topic('another', 4) }, { regional: topic('another', 4) }, { home: topic('home', 2) }]) {
      const next = nextTopicStep(view(changes));
      expect(next.kind === 'stop' && next.error.hint).toContain(
        'farshore partition resume billing.invoices --stage mirror --accept-recreated',
      );
    }
  });
});

describe('recording a growth', () => {
  it('C1: waits until every partition that was there before has passed its end', () => {
    const ends = new Map([
      [0, 10n],
      [1, 20n],
    ]);
    expect(growthMayBeRecorded(ends, new Map([[0, 10n]]))).toEqual({ ready: false, waitsFor: [1] });
    expect(
      growthMayBeRecorded(
        ends,
        new Map([
          [0, 10n],
          [1, 19n],
        ]),
      ).waitsFor,
    ).toEqual([1]);
    expect(
      growthMayBeRecorded(
        ends,
        new Map([
          [0, 11n],
          [1, 20n],
        ]),
      ).ready,
    ).toBe(true);
  });
});
