import { describe, expect, it } from 'vitest';
import { Failpoints } from '../../../src/daemon/failpoints.ts';

describe('failpoints', () => {
  it('strike at the nth passing of their step and at no other', () => {
    const struck: string[] = [];
    const points = Failpoints.parse('mirror:end_sent=kill@2, apply:committed=stop@1', (signal) => struck.push(signal))!;
    points.mirror('end_sent');
    points.mirror('ended');
    points.apply('before_begin');
    expect(struck).toEqual([]);
    points.mirror('end_sent');
    expect(struck).toEqual(['SIGKILL']);
    points.mirror('end_sent');
    points.apply('committed');
    expect(struck).toEqual(['SIGKILL', 'SIGSTOP']);
  });

  it('are absent where the variable is', () => {
    expect(Failpoints.parse(undefined)).toBeUndefined();
    expect(Failpoints.parse('')).toBeUndefined();
  });

  it.each([
    'mirror:nowhere=kill@1',
    'apply:end_sent=kill@1',
    'mirror:begin=kill@0',
    'mirror:begin',
    'begin=kill@1',
    'mirror:begin=kill@1,',
  ])('refuse %s, with what may be written', (text) => {
    expect(() => Failpoints.parse(text)).toThrow(
      expect.objectContaining({ code: 'config_invalid', place: 'FARSHORE_FAILPOINT', hint: expect.stringContaining('mirror:begin') }),
    );
  });
});
