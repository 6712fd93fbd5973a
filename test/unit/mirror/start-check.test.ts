import { describe, expect, it } from 'vitest';
import { decideStart, type StartView } from '../../../src/mirror/start-check.ts';
import { homeOffset, offsetValue, regionalOffset } from '../../../src/model/offsets.ts';
import type { MirrorPosition } from '../../../src/model/position.ts';

const position: MirrorPosition = {
  topic: 'billing.invoices',
  partition: 3,
  topicId: 'home-id',
  next: homeOffset(100n),
  leaderEpoch: 4,
  crc: 0xabc,
  regionalEnd: regionalOffset(120n),
};

const view = (changes: Partial<StartView> = {}): StartView => ({
  topic: 'billing.invoices',
  partition: 3,
  homeTopicId: 'home-id',
  position,
  mirroredFrom: 0n,
  home: { start: 0n, end: 500n },
  regional: { start: 0n, end: 121n },
  settled: true,
  batchBefore: { baseOffset: 95n, lastOffset: 99n, leaderEpoch: 4, crc: 0xabc },
  compacted: false,
  kept: undefined,
  old: undefined,
  oldForMs: 0,
  ...changes,
});

const stopCode = (changes: Partial<StartView>): string => {
  const decision = decideStart(view(changes));
  return decision.kind === 'stop' ? decision.error.code : decision.kind;
};

describe('where mirror starts in a partition', () => {
  it('goes on from the committed position when both logs are the ones it was taken in', () => {
    expect(decideStart(view())).toEqual({ kind: 'continue', position });
  });

  it('begins at the log start when nothing was mirrored yet', () => {
    const decision = decideStart(view({ position: undefined, regional: { start: 0n, end: 0n }, home: { start: 40n, end: 50n } }));
    expect(decision.kind === 'begin' && offsetValue(decision.position.next)).toBe(40n);
  });

  it('C3: the way back begins where the cutover says, also behind what an earlier epoch had read', () => {
    for (const before of [undefined, position]) {
      const decision = decideStart(view({ position: before, epochStart: 300n, regional: { start: 0n, end: 121n }, mirroredFrom: 121n }));
      expect(decision.kind === 'begin' && offsetValue(decision.position.next)).toBe(300n);
    }
    // Begun already: it goes on.
    expect(stopCode({ epochStart: 100n })).toBe('continue');
    expect(stopCode({ epochStart: 40n })).toBe('continue');
  });

  it('C3, C11: the way back begins so where its positions expired while the primary was home: nothing of the epoch is carried, and every revert waited', () => {
    const epochInRegion = regionalOffset(121n);
    const kept = { homeTopicId: 'home-id', point: { home: homeOffset(100n), regional: regionalOffset(111n) }, next: homeOffset(100n) };
    for (const [before, old] of [
      [undefined, undefined],
      [undefined, 'no position, although 100 was committed'],
      [{ ...position, next: homeOffset(90n) }, 'the position 90'],
    ] as const) {
      const decision = decideStart(view({ position: before, old, oldForMs: 30_000, kept, epochStart: 300n, epochInRegion }));
      expect(decision.kind === 'begin' && offsetValue(decision.position.next)).toBe(300n);
    }
    expect(stopCode({ position: undefined, old: 'none', kept, epochStart: 300n, epochInRegion }), 'the group may be reading its log').toBe(
      'wait',
    );
    const beyond = { ...kept, next: homeOffset(350n) };
    expect(
      stopCode({ position: undefined, old: 'none', oldForMs: 30_000, kept: beyond, epochStart: 300n, epochInRegion }),
      'it was carried before the epoch was known here: twice, and over newer rows',
    ).toBe('position_missing');
    const carried = { position: undefined, epochStart: 300n, epochInRegion, regional: { start: 0n, end: 123n } };
    expect(stopCode(carried), 'something of it is carried').toBe('position_missing');
    expect(stopCode({ ...carried, regional: { start: 0n, end: 110n }, kept }), 'the region lost records').toBe('region_truncated');
    expect(stopCode({ position: undefined, epochInRegion }), 'no cutover began it').toBe('position_missing');
  });

  it('C6: the way back stops where retention or a cut took the start of its epoch', () => {
    expect(stopCode({ epochStart: 300n, home: { start: 350n, end: 500n } })).toBe('source_truncated');
    expect(stopCode({ epochStart: 300n, home: { start: 0n, end: 200n } })).toBe('source_diverged');
  });

  it('C11: stops when the position is gone but the region holds mirrored records', () => {
    expect(stopCode({ position: undefined })).toBe('position_missing');
  });

  it('begins anew after an accepted re-creation: a position of another topic id is from before it', () => {
    expect(stopCode({ homeTopicId: 'new-id' })).toBe('begin');
  });

  it('C6: stops when retention overtook the position, and names the lost range and the command', () => {
    const decision = decideStart(view({ home: { start: 150n, end: 500n } }));
    expect(decision).toMatchObject({ kind: 'stop', lost: { from: 100n, to: 150n } });
    expect(decision.kind === 'stop' && decision.error.hint).toContain(
      'farshore partition resume billing.invoices:3 --stage mirror --from 150 --accept-loss',
    );
  });

  it('C6: stops when the log was cut below the position', () => {
    expect(stopCode({ home: { start: 0n, end: 80n } })).toBe('source_diverged');
  });

  it('C6: stops when the log was cut and refilled past the position: the last batch has another checksum', () => {
    expect(stopCode({ batchBefore: { baseOffset: 95n, lastOffset: 99n, leaderEpoch: 4, crc: 0xdef } })).toBe('source_diverged');
  });

  it('C6: stops when the batch before the position has another leader epoch', () => {
    expect(stopCode({ batchBefore: { baseOffset: 95n, lastOffset: 99n, leaderEpoch: 5, crc: 0xabc } })).toBe('source_diverged');
  });

  it('C6: does not judge a compacted topic by a batch that compaction may rewrite', () => {
    expect(stopCode({ batchBefore: { baseOffset: 95n, lastOffset: 99n, leaderEpoch: 4, crc: 0xdef }, compacted: true })).toBe('continue');
  });

  it('judges by the checksum alone when no epoch is known', () => {
    const unknown = { ...position, leaderEpoch: -1 };
    expect(stopCode({ position: unknown })).toBe('continue');
    expect(stopCode({ position: unknown, batchBefore: { baseOffset: 95n, lastOffset: 99n, leaderEpoch: 4, crc: 0xdef } })).toBe(
      'source_diverged',
    );
  });

  it('does not judge by a batch that does not end at the position (a gap was passed)', () => {
    expect(stopCode({ batchBefore: { baseOffset: 85n, lastOffset: 90n, leaderEpoch: 4, crc: 0xdef } })).toBe('continue');
  });

  it('C6: stops when the region ends below what was mirrored into it', () => {
    expect(stopCode({ regional: { start: 0n, end: 119n } })).toBe('region_truncated');
  });

  it('C6: stops when the region lost its last records, and the marker of a transaction that was left open stands in their place', () => {
    const [refilled, whole] = [
      { start: 0n, end: 120n },
      { start: 0n, end: 121n },
    ];
    expect(stopCode({ regional: refilled })).toBe('region_truncated');
    expect(stopCode({ regional: whole })).toBe('continue');
    // While a commit may still be on its way into the partitions, its marker may be missing.
    expect(stopCode({ regional: refilled, settled: false })).toBe('continue');
  });

  it('C6: says that the region lost records before that home did: what mirror.onTruncated allows must not hide it', () => {
    expect(stopCode({ regional: { start: 0n, end: 119n }, home: { start: 200n, end: 500n } })).toBe('region_truncated');
  });

  it('C6: stops when the batch before the position goes on beyond it: the log was cut and refilled in other batches', () => {
    const unknown = { ...position, leaderEpoch: -1 };
    const longer = { baseOffset: 95n, lastOffset: 104n, leaderEpoch: 5, crc: 0xdef };
    expect(stopCode({ position: unknown, batchBefore: longer })).toBe('source_diverged');
    expect(stopCode({ position: unknown, batchBefore: longer, compacted: true })).toBe('continue');
  });

  it('C9: waits half a minute for a group that answers an old position, then stops and says what to do; it never goes on from it', () => {
    const old = 'the position 100, although 400 was committed and the regional log had 420';
    expect(decideStart(view({ old }))).toEqual({ kind: 'wait', reason: `the region's group answers ${old}: asked again` });
    expect(stopCode({ old, oldForMs: 29_999 })).toBe('wait');
    const stop = decideStart(view({ old, oldForMs: 30_000 }));
    expect(stop).toMatchObject({ kind: 'stop', isOld: true, error: { code: 'position_missing' } });
    expect(stop.kind === 'stop' && stop.error.hint).toContain('Restart the broker that coordinates the group');
    // None is waited for in the same way: mirroring it from the start again is what an operator decides.
    expect(stopCode({ old, position: undefined })).toBe('wait');
  });

  it('C6: a region that ends before what was kept of it lost records, whatever the group answers', () => {
    const kept = { homeTopicId: 'home-id', next: homeOffset(100n), point: { home: homeOffset(100n), regional: regionalOffset(120n) } };
    const cut = { kept, regional: { start: 0n, end: 60n } };
    expect(stopCode({ ...cut, position: undefined })).toBe('region_truncated');
    const older = { ...position, next: homeOffset(40n), regionalEnd: regionalOffset(50n) };
    expect(decideStart(view({ ...cut, position: older }))).toMatchObject({
      kind: 'stop',
      isOld: true,
      error: { code: 'region_truncated' },
    });
    expect(stopCode({ ...cut, kept: { ...kept, homeTopicId: 'before' }, position: older })).toBe('continue');
    // Empty, it looks like one that nothing was mirrored into while the group answers nothing.
    const unsettled = { position: undefined, old: 'no position, for a transaction that is over', oldForMs: 30_000 };
    expect(stopCode({ kept, regional: { start: 0n, end: 0n }, ...unsettled })).toBe('region_truncated');
  });

  it('C11: begins where it was when nothing of it is in the region and its position expired, and tells what home lost meanwhile', () => {
    const kept = { homeTopicId: 'home-id', next: homeOffset(40n), point: { home: homeOffset(40n), regional: regionalOffset(0n) } };
    const empty = { position: undefined, kept, old: 'no position', regional: { start: 0n, end: 0n } };
    expect(stopCode(empty)).toBe('wait');
    expect(decideStart(view({ ...empty, oldForMs: 30_000 }))).toMatchObject({ kind: 'begin', position: { next: 40n, topicId: 'home-id' } });
    expect(stopCode({ ...empty, oldForMs: 30_000, home: { start: 50n, end: 90n } })).toBe('source_truncated');
    expect(stopCode({ ...empty, oldForMs: 30_000, regional: { start: 0n, end: 7n } })).toBe('position_missing');
    expect(stopCode({ ...empty, oldForMs: 30_000, home: { start: 0n, end: 39n } })).toBe('source_diverged');
    // Of the topic before it was created again: the new one would begin inside of its records.
    expect(stopCode({ ...empty, oldForMs: 30_000, kept: { ...kept, homeTopicId: 'before' } })).toBe('position_missing');
  });
});
