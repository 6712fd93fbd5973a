import { describe, expect, it } from 'vitest';
import { parseHome } from '../../../src/kafka/published-homes.ts';

describe('parseHome', () => {
  it('C24: reads a home and its epoch', () => {
    expect(parseHome('{"home":"us-east","epoch":2,"by":"x"}')).toEqual({ home: 'us-east', epoch: 2 });
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
  ])('does not guess at %s', (text) => {
    expect(parseHome(text)).toBeUndefined();
  });
});
