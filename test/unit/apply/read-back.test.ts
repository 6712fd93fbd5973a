import { describe, expect, it } from 'vitest';
import type { StatementResult } from '../../../src/apply/contracts.ts';
import type { Folded } from '../../../src/apply/folded.ts';
import { mapTable, type TableMapping } from '../../../src/apply/mapping.ts';
import { ReadBack, type RogueWrite } from '../../../src/apply/read-back.ts';
import { ReadBackSamples } from '../../../src/apply/read-back-sample.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import { TestClock } from '../lag/test-clock.ts';
import { tableDescription } from './descriptions.ts';
import { ListText } from './list-text.ts';
import { field } from './log-double.ts';

const mapped = mapTable(
  { topic: 'bills' },
  { fields: [field('id', 'long'), field('total', 'long')] },
  tableDescription('public.bills', { id: 'bigint', total: 'bigint' }, ['id']),
);
if (mapped.kind === 'problems') throw mapped.problems[0]!;
const mapping: TableMapping = mapped.mapping;
const folded = (rows: number, changes: Partial<Folded> = {}): Folded => {
  const column = (text: string) => new ListText(Array.from({ length: rows }, (_, row) => `${text}${row}`));
  return {
    table: mapping,
    mapping,
    before: undefined,
    deletes: undefined,
    after: { columns: [column('id'), column('total')], versions: column('v'), offsetOf: () => 0n, merged: () => false },
    records: rows,
    folded: 0,
    ties: 0,
    notAllowed: new Map(),
    ...changes,
  };
};
const taken = (samples: ReadBackSamples) => samples.take().map(({ rows }) => (rows.versions as ListText).slice(0, 99));

describe('the sample of written rows', () => {
  it('is spread over a batch, at random places, and bounded over many batches', () => {
    const samples = new ReadBackSamples(8, () => 0.5);
    samples.offer([folded(100)]);
    samples.offer([folded(100)]);
    for (let batch = 0; batch < 50; batch++) samples.offer([folded(100)]);
    const found = samples.take();
    expect(found.map(({ rows }) => (rows.versions as ListText).count)).toEqual([2, 2, 2, 2]);
    expect((found[0]!.rows.versions as ListText).slice(0, 2)).toContain('v25');
    expect((found[0]!.rows.columns[0] as ListText).slice(0, 2)).toContain('id75');
  });

  it('begins anew once it was taken', () => {
    const samples = new ReadBackSamples(4, () => 0);
    samples.offer([folded(1)]);
    expect(taken(samples)).toHaveLength(1);
    expect(taken(samples)).toHaveLength(0);
    samples.offer([folded(1)]);
    expect(taken(samples)).toHaveLength(1);
  });

  it('leaves out rows that are set in part, runs of deletes only and empty states', () => {
    const samples = new ReadBackSamples(4, () => 0);
    samples.offer([
      folded(1, { mapping: { ...mapping, units: { every: [] } as never } }),
      folded(1, { mapping: undefined }),
      folded(1, { after: undefined }),
      folded(0),
    ]);
    expect(taken(samples)).toHaveLength(0);
  });
});

describe('reading back', () => {
  const everyMs = 5_000;
  const started = (answer: () => Promise<StatementResult>, rows = 20) => {
    const clock = new TestClock();
    const events: FarshoreEvent[] = [];
    const kept: RogueWrite[] = [];
    const asked: (readonly unknown[])[] = [];
    const stop = new AbortController();
    const readBack = new ReadBack(
      {
        database: {
          query: async ({ values }) => {
            asked.push(values);
            return await answer();
          },
        },
        observe: (event) => events.push(event),
        clock,
        random: () => 0,
        keep: async (found) => void kept.push(...found),
      },
      { rows, everyMs },
    );
    const running = readBack.run(stop.signal);
    running.catch(() => undefined);
    return { clock, events, kept, asked, stop, readBack, running };
  };
  const none = async () => ({ rowCount: 0, rows: [] });

  it('waits a whole turn after a row was written', async () => {
    const { clock, asked, events, readBack } = started(none);
    readBack.offer([folded(3)]);
    await clock.advance(everyMs);
    expect(asked).toHaveLength(0);
    await clock.advance(everyMs);
    expect(asked).toHaveLength(1);
    expect(events).toEqual([{ type: 'rows_read_back', table: 'public.bills', rows: 3, found: 0 }]);
    await clock.advance(5 * everyMs);
    expect(asked).toHaveLength(1);
  });

  it('tells and keeps each rogue write with key and columns', async () => {
    const row = { key: '[7]', kind: 'changed', columns: '["total"]' };
    const { clock, kept, events, readBack } = started(async () => ({ rowCount: 1, rows: [row] }));
    readBack.offer([folded(3)]);
    await clock.advance(2 * everyMs);
    const found = { table: 'public.bills', key: '[7]', kind: 'changed', columns: ['total'] };
    expect(kept).toEqual([found]);
    expect(events).toEqual([
      { type: 'rows_read_back', table: 'public.bills', rows: 3, found: 1 },
      { type: 'rogue_write_found', ...found },
    ]);
  });

  it('counts rows that could not be read as unread, and goes on', async () => {
    let broken = true;
    const { clock, events, readBack, asked } = started(async () => {
      if (broken) throw new FarshoreError('database_unreachable', 'gone');
      return await none();
    });
    readBack.offer([folded(2)]);
    await clock.advance(2 * everyMs);
    expect(events).toEqual([{ type: 'read_back_failed', table: 'public.bills', rows: 2, code: 'database_unreachable' }]);
    broken = false;
    readBack.offer([folded(1)]);
    await clock.advance(2 * everyMs);
    expect(asked).toHaveLength(2);
    expect(events.at(-1)).toMatchObject({ type: 'rows_read_back', rows: 1 });
  });

  it('ends the daemon for what must end it', async () => {
    const { clock, running, readBack } = started(async () => {
      throw new FarshoreError('internal', 'wrong');
    });
    readBack.offer([folded(1)]);
    await clock.advance(2 * everyMs);
    await expect(running).rejects.toThrow('wrong');
  });

  it('does nothing when it is turned off', async () => {
    const { clock, running, readBack, asked } = started(none, 0);
    readBack.offer([folded(1)]);
    await running;
    await clock.advance(3 * everyMs);
    expect(asked).toHaveLength(0);
  });
});
