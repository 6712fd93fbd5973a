import { describe, expect, it } from 'vitest';
import { RejectFloods } from '../../../src/apply/flood.ts';

const budget = { share: 0.05, perMinute: 100 };
const table = 'public.things';

describe('the budget of rejected records', () => {
  it.each([
    ['few of few: a bad record of a quiet topic', { records: 2, rejects: 1 }, undefined],
    ['as many as a minute may have', { records: 100, rejects: 100 }, undefined],
    ['one in a hundred of a busy topic', { records: 1_000_000, rejects: 10_000 }, undefined],
    ['exactly the share', { records: 4_000, rejects: 200 }, undefined],
    ['more than both', { records: 3_999, rejects: 200 }, 'rejected_flood'],
    ['nothing', { records: 10, rejects: 0 }, undefined],
  ])('%s', (_what, plan, code) => {
    expect(new RejectFloods(budget).over(table, plan, 0)?.code).toBe(code);
  });

  it('counts what was committed within the minute, of the table alone', () => {
    const floods = new RejectFloods(budget);
    floods.note(table, { records: 60, rejects: 60 }, 0);
    const more = { records: 41, rejects: 41 };
    expect(floods.over('public.others', more, 1_000)).toBeUndefined();
    expect(floods.over(table, more, 49_999)).toMatchObject({ code: 'rejected_flood', facts: { rejects: 101, records: 101 } });
    expect(floods.over(table, more, 60_000)).toBeUndefined();
  });

  it('asks without counting, and begins anew when an operator resumes', () => {
    const floods = new RejectFloods(budget);
    const plan = { records: 100, rejects: 100 };
    expect([floods.over(table, plan, 0), floods.over(table, plan, 0)]).toEqual([undefined, undefined]);
    floods.note(table, plan, 0);
    expect(floods.over(table, plan, 1_000)).toBeDefined();
    floods.forget(table);
    expect(floods.over(table, plan, 1_000)).toBeUndefined();
  });
});
