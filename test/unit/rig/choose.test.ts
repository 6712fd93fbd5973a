import { describe, expect, it } from 'vitest';
import { chooseRig } from '../../rig/choose.ts';

const given = {
  FARSHORE_TEST_PRIMARY_KAFKA: '127.0.0.1:1',
  FARSHORE_TEST_REGIONAL_KAFKA: '127.0.0.1:2',
  FARSHORE_TEST_DATABASE: 'postgres://x@127.0.0.1:3/x',
};

describe('the choice of servers', () => {
  it('takes given addresses before anything else', () => {
    expect(chooseRig({ env: given, containersUsable: true })).toEqual({
      kind: 'given',
      primary: '127.0.0.1:1',
      regional: '127.0.0.1:2',
      database: 'postgres://x@127.0.0.1:3/x',
    });
  });

  it.each(Object.keys(given))('refuses addresses without %s and names it', (missing) => {
    expect(() => chooseRig({ env: { ...given, [missing]: undefined }, containersUsable: true })).toThrow(`missing: ${missing}`);
  });

  it('takes an empty address for an absent one', () => {
    expect(() => chooseRig({ env: { ...given, FARSHORE_TEST_DATABASE: '' }, containersUsable: true })).toThrow(
      'missing: FARSHORE_TEST_DATABASE',
    );
  });

  it('takes containers where they can be used', () => {
    expect(chooseRig({ env: {}, containersUsable: true })).toEqual({ kind: 'containers' });
  });

  it('takes local processes otherwise', () => {
    expect(chooseRig({ env: {}, containersUsable: false })).toEqual({ kind: 'local' });
  });
});
