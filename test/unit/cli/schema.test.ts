import { describe, expect, it } from 'vitest';
import { runCli } from '../../../src/cli/cli.ts';
import type { AttributeView, MappingView, SchemaView, TableView } from '../../../src/model/schema-view.ts';
import { testIo } from './fixtures.ts';

const attribute = (field: string | null, over: Partial<AttributeView> = {}): AttributeView => ({
  field,
  source: 'field',
  type: 'string',
  nullable: false,
  doc: null,
  column: field,
  columnType: 'text',
  cast: null,
  allowed: true,
  roles: [],
  state: 'ok',
  problem: null,
  ...over,
});
const mapping: MappingView = {
  schema: '7',
  record: 'com.company.Invoice',
  met: true,
  newest: true,
  attributes: [
    attribute('id', { type: 'long', columnType: 'bigint', roles: ['key'] }),
    attribute('note', { nullable: true, doc: 'Free text |\nof <b>the</b> clerk\u001b[31m' }),
    attribute('at', {
      type: 'long (timestamp-micros)',
      column: null,
      columnType: null,
      state: 'version',
      allowed: false,
      roles: ['version'],
    }),
    attribute('iban', { column: null, columnType: null, state: 'not_allowed', allowed: false }),
    attribute('debug', { column: null, columnType: null, state: 'ignored', allowed: false }),
    attribute(null, { source: 'value', type: null, column: 'origin' }),
  ],
  unfilled: [
    { column: 'owner', columnType: 'text', kept: 'null', problem: null },
    { column: 'farshore_version', columnType: 'bytea', kept: 'farshore', problem: null },
  ],
  problems: [],
};
const fitting: TableView = {
  topic: 'billing.invoices',
  table: 'public.invoices',
  sharedWith: [],
  stops: false,
  unknown: null,
  schemas: [mapping],
  problems: [],
};
const add = {
  code: 'table_mismatch',
  message: 'Field note has no column in the table',
  hint: 'alter table "public"."notes" add column "note" text;',
};
const generated = { code: 'table_mismatch', message: 'Column total is generated', hint: 'alter table drop expression;' };
const needed = { code: 'table_mismatch', message: 'Column owner is NOT NULL', hint: null };
const stopping: TableView = {
  ...fitting,
  topic: 'notes',
  table: 'public.notes',
  stops: true,
  unknown: 'the registry did not answer',
  schemas: [
    {
      ...mapping,
      newest: false,
      attributes: [
        attribute('note', { columnType: null, state: 'no_column', problem: add }),
        attribute('total', { state: 'no_column', problem: generated }),
      ],
      unfilled: [{ column: 'owner', columnType: 'text', kept: 'nothing', problem: needed }],
      problems: [add, generated, needed],
    },
  ],
};
const unknown: TableView = {
  ...fitting,
  topic: 'quiet',
  table: 'public.quiet',
  stops: null,
  unknown: 'registry has no subject quiet-value',
  schemas: [],
};

async function run(args: readonly string[], tables: readonly TableView[]) {
  const view: SchemaView = { tables };
  const io = testIo({ answer: { status: 200, body: JSON.stringify(view) } });
  const code = await runCli(['schema', ...args, '--url', 'http://h:1'], io);
  return { code, out: io.out(), url: io.sent[0]?.url, view };
}

describe('schema diff', () => {
  it('is a line for each field and column, and ends well where nothing stops', async () => {
    const { code, out, url } = await run(['diff', '--topic', 'billing.invoices', '--table', 'public.invoices'], [fitting]);
    expect(url).toBe('http://h:1/api/schema?topic=billing.invoices&table=public.invoices');
    expect(code).toBe(0);
    expect(out).toBe(
      [
        'billing.invoices → public.invoices: fits',
        '',
        'schema 7 (com.company.Invoice, the newest, met)',
        'FIELD       TYPE                     COLUMN            COLUMN TYPE  STATE',
        'id          long                     id                bigint       ok, key',
        'note        string or null           note              text         ok',
        'at          long (timestamp-micros)  -                 -            ok, no column, version',
        'iban        string                   -                 -            not allowed',
        'debug       string                   -                 -            ignored',
        '(constant)  -                        origin            text         ok',
        '-           -                        owner             text         no field, stays null',
        '-           -                        farshore_version  bytea        ok, of Farshore',
        '',
        '1 tables, 0 stopped by a difference',
        '',
      ].join('\n'),
    );
  });

  it('fails where a difference stops a table, and says what mends it', async () => {
    const { code, out } = await run(['diff'], [fitting, stopping, unknown]);
    expect(code).toBe(1);
    expect(out).toContain('notes → public.notes: does not fit: it stops\n  newest schema not known: the registry did not answer\n');
    expect(out).toMatch(/^note +string +note +- +no column$/m);
    expect(out).toMatch(/^total +string +total +text +no column: Column total is generated$/m);
    expect(out).toMatch(/^- +- +owner +text +no field: Column owner is NOT NULL$/m);
    expect(out).toContain(`table_mismatch: ${add.message}\n  next: ${add.hint}\n`);
    expect(out).toContain(
      'quiet → public.quiet: no schema is known\n  newest schema not known: registry has no subject quiet-value\n  no record of a schema',
    );
    expect(out).toContain('3 tables, 1 stopped by a difference, 1 without a known schema\n');
  });

  it('does not fail for what is not known, and prints the same value as JSON', async () => {
    const { code, out, view } = await run(['diff', '-o', 'json'], [unknown]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual(view);
    expect((await run(['diff'], [])).out).toBe('no table is applied\n');
  });
});

describe('schema docs', () => {
  it('are Markdown with a section a table, in which nothing a producer wrote is markup', async () => {
    const { code, out } = await run(['docs'], [fitting]);
    expect(code).toBe(0);
    expect(out).toBe(
      [
        '# Attributes of the tables',
        '',
        '## public.invoices',
        '',
        'Written by topic `billing.invoices`.',
        '',
        '| Attribute | Type | Column | Column type | Topic | Allowed | Documentation |',
        '|---|---|---|---|---|---|---|',
        '| id | long | id | bigint | billing.invoices | yes | (key) |',
        '| note | string or null | note | text | billing.invoices | yes | Free text \\| of &lt;b>the&lt;/b> clerk·\\[31m |',
        '| at | long (timestamp-micros) | - | - | billing.invoices | no, orders the states only | (version) |',
        '| iban | string | - | - | billing.invoices | no |  |',
        '| debug | string | - | - | billing.invoices | no, ignored |  |',
        '| (constant) | - | origin | text | billing.invoices | yes |  |',
        '',
      ].join('\n'),
    );
  });

  it('show a table that several topics write once, each attribute with the topic that owns it', async () => {
    const older = { ...mapping, schema: '5', newest: false, attributes: [attribute('note'), attribute('fax', { doc: 'was used once' })] };
    const one = { ...fitting, sharedWith: ['crm.invoices'], schemas: [{ ...mapping, attributes: [attribute('note')] }, older] };
    const other = { ...fitting, topic: 'crm.invoices', sharedWith: ['billing.invoices'], schemas: [] };
    const { out } = await run(['docs'], [one, other]);
    expect(out.match(/^## /gm)).toHaveLength(1);
    expect(out).toContain('Several topics write this table: `billing.invoices`, `crm.invoices`.');
    expect(out).toContain('No schema of `crm.invoices` is known');
    expect(out).toContain('| fax | string | fax | text | billing.invoices | yes | was used once (only in schema 5) |');
    expect(out.match(/^\| note /gm)).toHaveLength(1);
  });

  it('are the whole answer as JSON', async () => {
    const { out, view } = await run(['docs', '--topic', 'notes', '-o', 'json'], [stopping]);
    expect(JSON.parse(out)).toEqual(view);
  });
});
