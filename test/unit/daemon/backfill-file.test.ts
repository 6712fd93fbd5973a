import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import avro from 'avsc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Statement } from '../../../src/apply/contracts.ts';
import { Replay } from '../../../src/apply/replay.ts';
import { toExactJson } from '../../../src/avro/json.ts';
import type { OpenBackfill } from '../../../src/backfill/contracts.ts';
import { recordOf } from '../../../src/backfill/row-version.ts';
import { FileBackfill, FileViews, openRecordFile } from '../../../src/daemon/backfill-file.ts';
import type { Database } from '../../../src/postgres/database.ts';
import { tableDescription } from '../apply/descriptions.ts';
import { elementsOf, ListText } from '../apply/list-text.ts';

const never = AbortSignal.timeout(60_000);
const MAX_BYTES = 1_000_000;
const message = {
  type: 'record',
  name: 'Message',
  fields: [
    { name: 'key', type: 'string' },
    {
      name: 'value',
      type: [
        'null',
        {
          type: 'record',
          name: 'Row',
          fields: [
            { name: 'id', type: 'int' },
            { name: 'note', type: 'string' },
            { name: 'version', type: 'long' },
          ],
        },
      ],
    },
  ],
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'farshore-fill-'));
  await mkdir(join(folder, 'files'));
});
afterAll(async () => await rm(folder, { recursive: true }));

const directory = () => join(folder, 'files');
async function written(name: string, records: readonly (readonly [id: number, note: string | null])[]): Promise<void> {
  const encoder = new avro.streams.BlockEncoder(avro.Type.forSchema(message as avro.Schema, { wrapUnions: 'never' }), { blockSize: 60 });
  const chunks: Buffer[] = [];
  encoder.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise((resolve) => encoder.on('end', resolve));
  for (const [id, note] of records) encoder.write({ key: String(id), value: note === null ? null : { id, note, version: 7 } });
  encoder.end();
  await ended;
  await writeFile(join(directory(), name), Buffer.concat(chunks));
}

/** The file applied to the end in chunks of `limit` records, and what each transaction would have written. */
async function applied(name: string, limit: number, hasSource: boolean, between?: () => Promise<void>) {
  const told: string[] = [];
  const note = ({ text, values }: Statement): void => {
    const kind = /insert into farshore\.tombstones/.test(text)
      ? 'remembers'
      : /^delete/.test(text)
        ? 'deletes'
        : /^insert into "public"/.test(text)
          ? 'writes'
          : '';
    if (kind === '') return;
    const lists = values.filter((one) => one instanceof ListText).map((one) => elementsOf(one as ListText));
    for (const [n, id] of lists[0]!.entries()) {
      const version = String(lists.at(-1)![n]);
      told.push(`${kind} ${id} ${version.slice(0, -24)} ${version.slice(-24, -16)} ${recordOf(BigInt(`0x${version.slice(-16)}`))}`);
    }
  };
  const database = {
    conversation: async (
      steps: readonly ((answers: readonly { readonly rowCount: number; readonly rows: readonly never[] }[]) => readonly Statement[])[],
    ) => {
      steps[0]!([]);
      const rows = steps[1]!([{ rowCount: 0, rows: [] }]);
      rows.forEach(note);
      steps[2]!(rows.map(() => ({ rowCount: 1, rows: [] })));
      return [];
    },
  } as unknown as Database;
  const clock = { wallMs: () => 0, monotonicMs: () => 0, sleep: async () => undefined };
  const open = () => openRecordFile(name, directory(), MAX_BYTES);
  const file = await open();
  await file.close();
  const views = new FileViews(clock);
  const table = tableDescription('public.rows', { id: 'integer', note: 'text', version: 'bigint' }, ['id']);
  const replay = new Replay(
    {
      decoders: FileViews.decoders(file),
      tables: { describe: async () => [table], create: async () => undefined, execute: async () => undefined },
      visitRecords: views.visitRecords,
      arrayText: () => new ListText(),
      arrayLiteral: String,
      exactJson: toExactJson,
    },
    { entries: [{ topic: 't', table: 'public.rows', ...(hasSource ? { version: ['version'] } : {}) }], schema: 'validate' },
  );
  const backfill = new FileBackfill({
    name: 'public.rows',
    file: name,
    topic: 't',
    region: 'here',
    open,
    replay,
    views,
    hasSource,
    database,
    epoch: 1n,
  });
  let cursor: string | undefined;
  let rows = 0;
  for (let chunks = 0; chunks < 100; chunks++) {
    const chunk = await backfill.read({ id: '9', cursor }, limit, never);
    await backfill.write({ id: '9', table: 'public.rows', cursor } as OpenBackfill, chunk, never);
    cursor = chunk.cursor;
    rows += chunk.rows;
    if (chunk.done) return { told, rows };
    await between?.();
  }
  throw new Error('it does not end');
}

describe('C2, C4: a backfill from a file', () => {
  it.each([1, 3, 100])(
    'remembers deletes first, then applies all in the order of the file, below every log, in chunks of %i',
    async (limit) => {
      await written('rows.avro', [
        [1, 'a'],
        [2, 'b'],
        [1, 'c'],
        [2, null],
        [3, 'd'],
        [2, 'e'],
      ]);
      const { told, rows } = await applied('rows.avro', limit, false);
      expect(rows).toBe(12);
      const plain = (kind: string, id: number, record: number) => `${kind} ${id} 0000000000 00000000 ${record}`;
      expect(told[0]).toBe(plain('remembers', 2, 3));
      expect(told[1]).toMatch(/^writes/);
      const writes = told.filter((one) => one.startsWith('writes'));
      for (const one of [plain('writes', 1, 2), plain('writes', 3, 4), plain('writes', 2, 5)]) expect(writes).toContain(one);
      expect(told.indexOf(plain('deletes', 2, 3))).toBeLessThan(told.indexOf(plain('writes', 2, 5)));
    },
  );

  it('orders a table with a source version in the first epoch, so that any later home wins', async () => {
    await written('rows.avro', [[1, 'a']]);
    const { told } = await applied('rows.avro', 10, true);
    expect(told).toEqual(['writes 1 00000001018000000000000007 00000000 0']);
  });

  it('stops at another file of the same name', async () => {
    await written('rows.avro', [
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
    ]);
    const work = applied('rows.avro', 1, false, () =>
      written('rows.avro', [
        [1, 'x'],
        [2, 'y'],
        [3, 'z'],
      ]),
    );
    await expect(work).rejects.toThrow('is another file than the one that was begun');
  });

  it('reads nothing outside its folder, whatever it is called', async () => {
    await writeFile(join(folder, 'secret'), 'top');
    await symlink(join(folder, 'secret'), join(directory(), 'link'));
    const refused = async (name: string, where: string | undefined = directory()) =>
      await openRecordFile(name, where, MAX_BYTES).then(
        () => 'opened',
        (error: Error) => error.message,
      );
    expect(await refused('../secret')).toContain('is not in the folder');
    expect(await refused('link')).toContain('is not in the folder');
    expect(await refused('.')).toContain('is not in the folder');
    expect(await refused(join(folder, 'secret'))).toContain('is not named from the folder');
    expect(await refused('none.avro')).toContain('ENOENT');
    await mkdir(join(directory(), 'inner'));
    expect(await refused('inner')).toContain('is no file');
    await expect(openRecordFile('rows.avro', undefined, MAX_BYTES)).rejects.toThrow('it has no folder for them');
  });
});
