import { describe, expect, it } from 'vitest';
import { CopyChances, looksNew, passed, refused, untried, wentWell } from '../../../src/apply/copy-chances.ts';
import type { Folded, RowSet } from '../../../src/apply/folded.ts';
import { ListText } from './list-text.ts';

const rowsOf = (count: number): RowSet => ({
  columns: [],
  versions: new ListText(Array.from({ length: count }, () => '00')),
  offsetOf: () => 0n,
  merged: () => false,
});
const folded = (changes: Partial<Folded> = {}): Folded => ({
  table: { table: { schema: 'public', table: 't' }, name: 'public.t', key: [], hasSource: false },
  mapping: undefined,
  before: undefined,
  deletes: undefined,
  after: rowsOf(100),
  records: 100,
  folded: 0,
  ties: 0,
  notAllowed: new Map(),
  ...changes,
});

/** How many of the batches are tried in vain, where each is refused or not by `isNew`. */
function refusals(batches: number, isNew: (batch: number) => boolean): number {
  const chances = new CopyChances();
  const one = folded();
  let vain = 0;
  for (let batch = 0; batch < batches; batch++) {
    if (!chances.tries(one)) continue;
    if (!isNew(batch)) vain++;
    chances.note(one, isNew(batch) ? 'copied' : 'refused');
  }
  return vain;
}

describe('which batches are copied', () => {
  it('all of a table whose rows are new', () => {
    const chances = new CopyChances();
    for (let batch = 0; batch < 100; batch++) {
      expect(chances.tries(folded())).toBe(true);
      chances.note(folded(), 'copied');
    }
  });

  it.each([
    ['updates only', () => false],
    ['every second batch', (batch: number) => batch % 2 === 0],
    ['nine of ten batches are new', (batch: number) => batch % 10 !== 9],
  ])('a trial in vain stays rare: %s', (_name, isNew) => {
    expect(refusals(100_000, isNew)).toBeLessThan(250);
  });

  it('tries again when a backlog of new rows follows one of updates', () => {
    const chances = new CopyChances();
    for (let n = 0; n < 3; n++) chances.note(folded(), 'refused');
    let waited = 0;
    while (!chances.tries(folded())) waited++;
    expect(waited).toBe(32);
    chances.note(folded(), 'copied');
    expect(chances.tries(folded())).toBe(true);
  });

  it('waits twice as long after each refusal, up to a limit, and forgives after as many batches in a row', () => {
    let chance = untried;
    const waits = Array.from({ length: 10 }, () => {
      chance = refused(chance);
      return chance.wait;
    });
    expect(waits).toEqual([8, 16, 32, 64, 128, 256, 512, 1_024, 1_024, 1_024]);
    const { penalty } = chance;
    for (let n = 0; n < penalty - 1; n++) chance = wentWell(chance);
    expect(chance.penalty).toBe(penalty);
    expect(wentWell(chance).penalty).toBe(penalty / 2);
    expect(passed(refused(untried)).wait).toBe(7);
    expect(passed(untried).wait).toBe(0);
  });

  it.each<[string, Partial<Folded>]>([
    ['a delete', { deletes: rowsOf(1) }],
    ['a state that a delete takes away again', { before: rowsOf(1) }],
    ['no state', { after: undefined }],
    ['few rows', { after: rowsOf(63) }],
    ['states that come again in the batch', { after: rowsOf(97), folded: 3 }],
  ])('none with %s', (_name, changes) => {
    expect(looksNew(folded(changes))).toBe(false);
    expect(new CopyChances().tries(folded(changes))).toBe(false);
  });
});
