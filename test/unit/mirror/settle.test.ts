import { describe, expect, it } from 'vitest';
import { type SettleView, settle } from '../../../src/mirror/settle.ts';

const at = { topic: 'h', partition: 2 } as const;
const view = (changes: Partial<SettleView> = {}): SettleView => ({
  route: { home: 'h', regional: 'r' },
  partition: 2,
  next: 100n,
  range: { start: 0n, end: 200n },
  again: false,
  onTruncated: 'stop',
  ...changes,
});
const outOfRange = { kind: 'out_of_range', ...at, logStartOffset: 0n, logEndOffset: 0n } as const;
const outcome = (changes: Partial<SettleView>) => {
  const settled = settle(outOfRange, view(changes));
  return settled.kind === 'stop' ? settled.error.code : settled;
};

describe('an answer without data', () => {
  it('C6: has the log proved before it is read on when a broker went away or another one leads', () => {
    expect(settle({ kind: 'retry', ...at, reason: 'NOT_LEADER_OR_FOLLOWER' }, view())).toEqual({ kind: 'verify', forgetEpoch: false });
  });

  it('C6: stops on a diverging epoch and names the end the logs have in common', () => {
    const settled = settle({ kind: 'diverging', ...at, epoch: 3, endOffset: 90n }, view());
    expect(settled).toMatchObject({ kind: 'stop', error: { code: 'source_diverged' } });
    expect(settled.kind === 'stop' && settled.error.hint).toContain(
      'farshore partition resume r:2 --stage mirror --from 90 --accept-rewind',
    );
  });

  it('tells a truncated log from one that was cut, and from a broker that lost its epochs', () => {
    expect(outcome({ range: { start: 150n, end: 200n } })).toBe('source_truncated');
    expect(outcome({ range: { start: 0n, end: 50n } })).toBe('source_diverged');
    expect(outcome({ again: true })).toEqual({ kind: 'verify', forgetEpoch: true });
    expect(outcome({ range: { start: 150n, end: 200n }, onTruncated: 'earliest' })).toMatchObject({ kind: 'look' });
  });

  it('C6: keeps the epoch of its proof where a log may have grown to the offset again since it was too short', () => {
    expect(outcome({})).toEqual({ kind: 'verify', forgetEpoch: false });
  });

  it('looks at the topics when the topic id is not known: deleted, or created again', () => {
    expect(settle({ kind: 'unknown_topic', ...at }, view())).toMatchObject({ kind: 'look' });
  });

  it('stops what may not or cannot be read, with the command that resumes it', () => {
    for (const answer of [
      { kind: 'denied', ...at },
      { kind: 'corrupt', ...at, offset: 7n, reason: 'checksum' },
    ] as const) {
      const settled = settle(answer, view());
      expect(settled.kind === 'stop' && settled.error.hint).toContain('farshore partition resume r:2 --stage mirror');
    }
  });
});
