import { describe, expect, it } from 'vitest';
import { parseHome } from '../../../src/kafka/published-homes.ts';

describe('parseHome', () => {
  it('C24: reads a home and its epoch', () => {
    expect(parseHome('{"home":"us-east","epoch":2,"by":"x"}')).toEqual({ home: 'us-east', epoch: 2 });
  });

  it('C3: reads where an epoch begins, by partition', () => {
    expect(parseHome('{"home":"eu-west","epoch":2,"fromOffsets":{"0":"812","11":"9007199254740993"}}')).toEqual({
      ...{ home: 'eu-west', epoch: 2 },
      fromOffsets: new Map([
        [0, 812n],
        [11, 9_007_199_254_740_993n],
      ]),
    });
  });

  it('C3, C6: reads of which log the offsets are', () => {
    const text = '{"home":"eu-west","epoch":2,"fromOffsets":{"0":"812"},"topicId":"kE1cZ0qyQ2S"}';
    expect(parseHome(text)).toMatchObject({ fromOffsets: new Map([[0, 812n]]), topicId: 'kE1cZ0qyQ2S' });
  });

  it.each([
    '',
    'null',
    '[]',
    '{"home":"a"}',
    '{"home":1,"epoch":1}',
    '{"home":"","epoch":1}',
    '{"home":"a","epoch":1.5}',
    '{"home":"a","epoch":"1"}',
    '{"home":"a","epoch":2,"fromOffsets":{"0":812}}',
    '{"home":"a","epoch":2,"fromOffsets":{"x":"812"}}',
    '{"home":"a","epoch":2,"fromOffsets":{"0":"812"},"topicId":""}',
    '{"home":"a","epoch":2,"fromOffsets":{"0":"812"},"topicId":7}',
  ])('does not guess at %s', (text) => {
    expect(parseHome(text)).toBeUndefined();
  });
});
