import { describe, expect, it } from 'vitest';
import { decideResume, type ResumeRequest } from '../../../src/mirror/resume.ts';

const request = (changes: Partial<ResumeRequest> = {}): ResumeRequest => ({
  from: undefined,
  acceptLoss: false,
  acceptRecreated: false,
  acceptRewind: false,
  by: 'sre',
  ...changes,
});

const view = { next: 100n, isConfirmed: true, isRegionCut: false, home: { start: 50n, end: 200n }, epochStart: undefined };
const truncated = { next: 100n, isConfirmed: true, isRegionCut: false, home: { start: 150n, end: 200n }, epochStart: undefined };

const accepted = request({ acceptRewind: true });

describe('what an operator may do with a mirror partition', () => {
  it('checks again from where it stands when nothing else is asked', () => {
    expect(decideResume('t:0', request(), view)).toEqual({ kind: 'recheck' });
  });

  it('C6: does not go on in a regional log that lost records before somebody says where: it may have grown over what shows it', () => {
    const cut = { ...view, isRegionCut: true };
    expect(decideResume('t:0', request(), cut)).toMatchObject({
      kind: 'refuse',
      error: { code: 'request_invalid', hint: expect.stringContaining('--from 100. Else') },
    });
    expect(decideResume('t:0', request({ from: 100n }), cut)).toEqual({ kind: 'recheck' });
    expect(decideResume('t:0', request({ from: 'earliest', acceptRewind: true }), cut)).toMatchObject({ kind: 'move', rewind: true });
    // Where home's log starts at the position the command that is printed was a check again, and the same stop, each time.
    const empty = { ...cut, home: { start: 100n, end: 200n } };
    expect(decideResume('t:0', request({ from: 'earliest', acceptRewind: true }), empty)).toEqual({
      ...{ kind: 'move', next: 100n, rewind: true, lost: undefined },
    });
  });

  it('gives up exactly what retention has taken, and only when that is accepted', () => {
    expect(decideResume('t:0', request({ acceptLoss: true }), truncated)).toEqual({
      kind: 'move',
      next: 150n,
      rewind: false,
      lost: { from: 100n, to: 150n },
    });
    expect(decideResume('t:0', request(), truncated)).toEqual({ kind: 'recheck' });
    expect(decideResume('t:0', request({ from: 150n }), truncated)).toMatchObject({ kind: 'refuse' });
    expect(decideResume('t:0', request({ from: 'earliest', acceptLoss: true }), truncated)).toMatchObject({
      kind: 'move',
      lost: { from: 100n, to: 150n },
    });
  });

  it('C1: goes back only as an accepted rewind, which is a new generation', () => {
    expect(decideResume('t:0', request({ from: 'earliest' }), view)).toMatchObject({ kind: 'refuse' });
    expect(decideResume('t:0', request({ from: 'earliest', acceptRewind: true }), view)).toEqual({
      kind: 'move',
      next: 50n,
      rewind: true,
      lost: undefined,
    });
  });

  it('refuses an offset that the log does not hold', () => {
    expect(decideResume('t:0', request({ from: 500n, acceptLoss: true }), view)).toMatchObject({
      kind: 'refuse',
      error: { code: 'request_invalid' },
    });
  });

  it('C3: does not go back to before the present home epoch, whose records would come as of this one', () => {
    const returned = { ...view, epochStart: 80n };
    for (const request of [
      { from: 'earliest', next: 100n },
      { from: 79n, next: 100n },
      { from: 79n, next: undefined },
    ] as const) {
      expect(
        decideResume('t:0', { ...accepted, from: request.from }, { ...returned, next: request.next }),
        `${request.from} from ${request.next}`,
      ).toMatchObject({
        kind: 'refuse',
        error: { code: 'request_invalid', hint: expect.stringContaining('--from 80 --accept-rewind') },
      });
    }
    expect(decideResume('t:0', { ...accepted, from: 80n }, returned)).toMatchObject({ kind: 'move', next: 80n, rewind: true });
    // Retention has taken the older ones, or the topic was created again since.
    expect(decideResume('t:0', { ...accepted, from: 'earliest' }, { ...view, epochStart: 30n })).toMatchObject({ kind: 'move', next: 50n });
    expect(decideResume('t:0', { ...accepted, from: 'earliest' }, { ...view, epochStart: 201n })).toMatchObject({
      kind: 'move',
      next: 50n,
    });
  });

  it('counts a rewind from a lost position as a rewind', () => {
    expect(decideResume('t:0', request({ from: 'earliest' }), { ...view, next: undefined })).toMatchObject({ kind: 'refuse' });
    expect(decideResume('t:0', request({ from: 'earliest', acceptRewind: true }), { ...view, next: undefined })).toMatchObject({
      kind: 'move',
      rewind: true,
    });
  });

  it('commits the known position again where the group lost it: only checked again, the partition would stop for good', () => {
    const lost = { ...view, isConfirmed: false };
    const there = request({ from: 100n });
    expect(decideResume('t:0', there, view)).toEqual({ kind: 'recheck' });
    expect(decideResume('t:0', there, lost)).toMatchObject({ kind: 'refuse' });
    expect(decideResume('t:0', { ...there, acceptRewind: true }, lost)).toEqual({
      kind: 'move',
      next: 100n,
      rewind: true,
      lost: undefined,
    });
  });
});
