import { describe, expect, it } from 'vitest';
import type { Statement, TopicOrder } from '../../../src/apply/contracts.ts';
import { Replay } from '../../../src/apply/replay.ts';
import type { OpenBackfill } from '../../../src/backfill/contracts.ts';
import { readTopicCursor } from '../../../src/backfill/record-cursors.ts';
import { TopicBackfill } from '../../../src/daemon/backfill-topic.ts';
import type { FetchedPartition } from '../../../src/model/fetch.ts';
import { regionalOffset } from '../../../src/model/offsets.ts';
import { versionHex } from '../../../src/model/version.ts';
import type { Database } from '../../../src/postgres/database.ts';
import { tableDescription } from '../apply/descriptions.ts';
import { elementsOf, ListText } from '../apply/list-text.ts';
import { field, TestDecoders, type TestRecord, testBatch, visitTestRecords } from '../apply/log-double.ts';

const never = AbortSignal.timeout(60_000);
const state = (offset: number, id: number, note: string): TestRecord => ({ offset: BigInt(offset), key: String(id), value: { id, note } });
const gone = (offset: number, id: number): TestRecord => ({ offset: BigInt(offset), key: String(id), value: null });
const zero = new Map([
  [0, 0n],
  [1, 0n],
]);
const order = (changes: Partial<TopicOrder> = {}): TopicOrder => ({
  topic: 't',
  home: 'home',
  regionalTopicId: 'id',
  generations: [{ generation: 1, starts: new Map([...zero].map(([partition, start]) => [partition, regionalOffset(start)])) }],
  homeEpochs: [{ epoch: 3, home: 'home', starts: zero }],
  written: new Set(),
  ...changes,
});

type Row = Readonly<Record<string, string>>;

/** A topic of two partitions with these records, and what each transaction would have written. */
function bench(
  logs: readonly (readonly TestRecord[])[],
  changes: { readonly order?: TopicOrder; readonly start?: bigint; readonly answer?: FetchedPartition; readonly moved?: boolean } = {},
) {
  const written: string[] = [];
  const asked: (readonly unknown[])[] = [];
  const fetched: string[] = [];
  const end = (partition: number) => (logs[partition]?.at(-1)?.offset ?? -1n) + 1n;
  const told = ({ text, values }: Statement): void => {
    const kind = /insert into farshore\.tombstones/.test(text)
      ? 'remembers'
      : /^delete/.test(text)
        ? 'deletes'
        : /^insert into "public"/.test(text)
          ? 'writes'
          : '';
    if (kind === '') return;
    const [ids, ...rest] = values.filter((one) => one instanceof ListText).map((one) => elementsOf(one as ListText));
    const versions = rest.at(-1)!;
    for (const [n, id] of ids!.entries()) written.push(`${kind} ${id} ${versions[n]}`);
  };
  const database = {
    conversation: async (
      steps: readonly ((answers: readonly { readonly rowCount: number; readonly rows: readonly Row[] }[]) => readonly Statement[])[],
    ) => {
      asked.push(
        ...steps[0]!([])
          .slice(-1)
          .map(({ values }) => values),
      );
      const rows = steps[1]!([{ rowCount: 0, rows: changes.moved === true ? [{ topic: 't', here: 't' }] : [] }]);
      expect(rows[0]!.text).toContain('farshore.check_lease');
      rows.forEach(told);
      steps[2]!(rows.map(() => ({ rowCount: 1, rows: [] })));
      return [];
    },
  } as unknown as Database;
  const table = tableDescription('public.rows', { id: 'integer', note: 'text' }, ['id']);
  const backfill = new TopicBackfill({
    name: 'public.rows',
    topics: ['t'],
    region: 'here',
    source: {
      describe: async () => [{ topic: 't', topicId: 'id', partitions: logs.length }],
      ends: async (asked) => asked.map((one) => ({ ...one, start: changes.start ?? 0n, end: end(one.partition) })),
      fetch: async ([target]) => {
        const { partition, offset } = target!;
        fetched.push(`${partition}@${offset}`);
        if (changes.answer !== undefined) return [changes.answer];
        const records = logs[partition]!.filter((one) => one.offset >= offset);
        const common = {
          kind: 'batches',
          topic: 't',
          partition,
          highWatermark: end(partition),
          lastStableOffset: end(partition),
          logStartOffset: 0n,
        } as const;
        const batches = records.length === 0 ? [] : [testBatch(records)];
        return [
          {
            ...common,
            batches,
            nextOffset: end(partition),
            empty: batches.length === 0,
            lastBatch: undefined,
            droppedAborted: 0,
            droppedControl: 0,
          },
        ];
      },
    },
    orders: { load: async () => [changes.order ?? order()] },
    replay: new Replay(
      {
        decoders: new TestDecoders(new Map([['1', [field('id', 'int'), field('note', 'string')]]])),
        tables: { describe: async () => [table], create: async () => undefined, execute: async () => undefined },
        visitRecords: visitTestRecords,
        arrayText: () => new ListText(),
        arrayLiteral: String,
        exactJson: JSON.stringify,
      },
      { entries: [{ topic: 't', table: 'public.rows' }], schema: 'validate' },
    ),
    database,
    epoch: 1n,
    rejectBudget: { share: 0.1, perMinute: 10 },
    clock: { wallMs: () => 0, monotonicMs: () => 0, sleep: async () => undefined },
  });
  /** Chunks of `limit` records to the end. */
  const run = async (limit: number) => {
    let cursor: string | undefined;
    for (let chunks = 0; chunks < 50; chunks++) {
      const chunk = await backfill.read({ cursor }, limit, never);
      await backfill.write({ id: '1', table: 'public.rows', cursor } as OpenBackfill, chunk, never);
      cursor = chunk.cursor;
      if (chunk.done) return;
    }
    throw new Error('it does not end');
  };
  return { backfill, written, fetched, asked, run };
}

const version = (generation: number, offset: number) => versionHex(3, null, generation, BigInt(offset));

describe('C1, C3, C4: a backfill from the beginning of a topic', () => {
  it.each([1, 2, 100])(
    'remembers every delete before it writes a state, each under the version of its record, in chunks of %i',
    async (limit) => {
      const { run, written } = bench([
        [state(0, 1, 'a'), state(1, 2, 'b'), state(2, 1, 'c'), gone(4, 2)],
        [state(0, 3, 'd'), gone(1, 3), state(5, 3, 'e')],
      ]);
      await run(limit);
      const firstWrite = written.findIndex((one) => one.startsWith('writes'));
      expect(written.slice(0, firstWrite).toSorted()).toEqual([`remembers 2 ${version(1, 4)}`, `remembers 3 ${version(1, 1)}`]);
      const writes = written.slice(firstWrite);
      expect(writes).toContain(`writes 1 ${version(1, 2)}`);
      expect(writes).toContain(`deletes 2 ${version(1, 4)}`);
      expect(writes.filter((one) => one.includes(' 3 ')).at(-1)).toBe(`writes 3 ${version(1, 5)}`);
    },
  );

  it('fetches a batch once for all the chunks it makes', async () => {
    const { run, fetched } = bench([[state(0, 1, 'a'), state(1, 2, 'b'), state(2, 3, 'c'), state(3, 4, 'd')]]);
    await run(1);
    expect(fetched).toEqual(['0@0']);
  });

  it('reads no record of a newer generation before the older one is through', async () => {
    const generations = [
      ...order().generations,
      {
        generation: 2,
        starts: new Map([
          [0, regionalOffset(1n)],
          [1, regionalOffset(2n)],
        ]),
      },
    ];
    const { run, written } = bench(
      [
        [state(0, 1, 'a'), state(1, 7, 'moved here')],
        [state(0, 2, 'b'), state(1, 7, 'was here')],
      ],
      {
        order: order({ generations }),
      },
    );
    await run(1);
    expect(written.filter((one) => one.startsWith('writes'))).toEqual([
      `writes 1 ${version(1, 0)}`,
      `writes 2 ${version(1, 0)}`,
      `writes 7 ${version(1, 1)}`,
      `writes 7 ${version(2, 1)}`,
    ]);
  });

  it('C3: asks in each transaction whether its region has been the home since the record’s epoch, and then writes nothing', async () => {
    const { run, asked } = bench([[state(0, 1, 'a')]]);
    await run(10);
    expect(asked).toEqual([
      [['t'], [3], 'here'],
      [['t'], [3], 'here'],
    ]);
    const { backfill, written } = bench([[state(0, 1, 'a')]], { moved: true });
    const chunk = await backfill.read({ cursor: undefined }, 10, never);
    const one = { id: '1', table: 'public.rows', cursor: undefined } as unknown as OpenBackfill;
    expect([await backfill.write(one, chunk, never), written]).toEqual(['home_moved', []]);
  });

  it('passes gaps, and ends at once where there is nothing', async () => {
    const nothing = bench([[], []]);
    await nothing.run(10);
    expect([nothing.written, nothing.fetched]).toEqual([[], []]);
  });

  it('refuses a log without its beginning, records of the region itself, and a topic that was created anew', async () => {
    const log = [[state(0, 1, 'a')]];
    await expect(bench(log, { start: 5n }).run(10)).rejects.toThrow('lost its beginning (t:0 begins at 5)');
    const own = order({ homeEpochs: [{ epoch: 3, home: 'here', starts: zero }] });
    await expect(bench(log, { order: own }).run(10)).rejects.toThrow('was the home of topic');
    await expect(bench(log, { order: order({ regionalTopicId: 'other' }) }).run(10)).rejects.toThrow('created anew');
    const lost = { kind: 'out_of_range', topic: 't', partition: 0, logStartOffset: 9n, logEndOffset: 12n } as const;
    await expect(bench(log, { answer: lost }).run(10)).rejects.toThrow('t:0@0 is gone: the log begins at 9');
    const away = { kind: 'retry', topic: 't', partition: 0, reason: 'no leader' } as const;
    await expect(bench(log, { answer: away }).run(10)).rejects.toMatchObject({ code: 'broker_request_failed' });
  });

  it('keeps where each partition ended when it began: what is behind comes by the stream', async () => {
    const { backfill } = bench([[state(0, 1, 'a'), state(1, 2, 'b')]]);
    const { cursor } = await backfill.read({ cursor: undefined }, 1, never);
    expect(readTopicCursor(cursor)).toEqual({
      phase: 'deletes',
      partitions: [{ topic: 't', topicId: 'id', partition: 0, next: 1n, end: 2n }],
    });
  });
});
