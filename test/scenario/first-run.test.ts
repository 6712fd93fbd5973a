import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditStatus } from '../../src/model/audit.ts';
import { createTopic, eventually, kafkajsFor } from '../rig/context.ts';
import { repositoryRoot } from '../rig/paths.ts';
import { freePorts } from '../rig/ports.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { type SupervisedServer, supervise } from '../rig/supervised.ts';
import { rowSchema, rowValue } from './daemon.ts';

const run = promisify(execFile);

/** `updated_at` in place of the scenarios' version field: what a table usually has. */
const invoiceSchema = JSON.stringify({ ...rowSchema, name: 'Invoice' }).replaceAll('"version"', '"updated_at"');
const table = 'create table invoices (id integer primary key, note text not null, updated_at integer not null)';

interface Block {
  readonly language: string;
  readonly text: string;
}

/** docs/getting-started.md as somebody follows it: every block as it stands on the page, with the addresses of real servers. */
describe('the first run', () => {
  let rig: Rig;
  let folder: string;
  let home: pg.Client;
  let region: pg.Client;
  let urls: { readonly home: string; readonly region: string };
  let port: number;
  let daemon: SupervisedServer | undefined;
  let exports = '';
  const blocks: Block[] = [];

  beforeAll(async () => {
    rig = await startRig();
    folder = await mkdtemp(join(tmpdir(), 'farshore-first-run-'));
    [port = 0] = await freePorts(1);
    urls = { home: await rig.database.createDatabase('home'), region: await rig.database.createDatabase('region') };
    home = new pg.Client({ connectionString: urls.home });
    region = new pg.Client({ connectionString: urls.region });
    await Promise.all([home.connect(), region.connect()]);
    await home.query(table);
    await home.query(`insert into invoices select n, 'row ' || n, 1 from generate_series(1, 60) n`);
    await region.query(`${table}; create table notes (id integer, text text); create table plans (id integer primary key)`);
    for (const topic of ['billing.invoices', 'billing.notes', 'billing.other', 'crm.plans'])
      await createTopic(rig.primary.bootstrap, { topic });
    await createTopic(rig.regional.bootstrap, { topic: 'crm.plans' });
    await Promise.all([send(rig.regional.bootstrap, 'crm.plans', 1, 1), send(rig.primary.bootstrap, 'billing.invoices', 41, 60)]);
    await mkdir(join(folder, 'schemas', 'billing.invoices-value'), { recursive: true });
    await mkdir(join(folder, 'schemas', 'billing.notes-value'));
    await writeFile(join(folder, 'schemas', 'billing.invoices-value', '1.avsc'), invoiceSchema);
    await writeFile(join(folder, 'schemas', 'billing.notes-value', '1.avsc'), JSON.stringify({ ...rowSchema, name: 'Note' }));
    await writeFile(join(folder, 'schemas', 'ids.json'), '{ "billing.invoices-value/1": 7, "billing.notes-value/1": 8 }');
    await mkdir(join(folder, 'bin'));
    await writeFile(join(folder, 'bin', 'farshore'), `#!/bin/sh\nexec ${process.execPath} ${join(repositoryRoot, 'src/main.ts')} "$@"\n`);
    await chmod(join(folder, 'bin', 'farshore'), 0o755);
    const page = (await readFile(join(repositoryRoot, 'docs/getting-started.md'), 'utf8'))
      .replaceAll('10.0.0.1:9092', rig.primary.bootstrap)
      .replaceAll('10.1.0.1:9092', rig.regional.bootstrap)
      .replaceAll('https://registry.us-east:8081', join(folder, 'schemas'))
      .replaceAll('postgres://farshore:PASSWORD@10.1.0.9:5432/app', urls.region)
      .replaceAll('postgres://farshore_reader:PASSWORD@10.0.0.9:5432/app', urls.home);
    for (const [, language = '', text = ''] of page.matchAll(/^```(sh|sql)\n(.*?)^```$/gms)) blocks.push({ language, text });
  });

  afterAll(async () => {
    await daemon?.end('SIGTERM', 20_000);
    await Promise.all([home?.end(), region?.end()]);
    await rig?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  async function send(bootstrap: string, topic: string, from: number, to: number): Promise<void> {
    const producer = kafkajsFor(bootstrap).producer();
    await producer.connect();
    const ids = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    await producer.send({ topic, messages: ids.map((id) => ({ key: String(id), value: rowValue(id, `row ${id}`, 1) })) });
    await producer.disconnect();
  }

  const shell = async (script: string): Promise<{ readonly code: number; readonly out: string; readonly err: string }> => {
    const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` };
    try {
      // With a socket for its input, and started by no other shell, it takes itself for one of rshd and reads what an interactive one would.
      const { stdout, stderr } = await run('bash', ['--norc', '-euc', exports + script], { cwd: folder, env });
      return { code: 0, out: stdout, err: stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { readonly code: number; readonly stdout: string; readonly stderr: string };
      return { code, out: stdout, err: stderr };
    }
  };
  /** The next block of the page. */
  const next = async (mark: string): Promise<{ readonly code: number; readonly out: string; readonly err: string }> => {
    const { language, text } = blocks.shift()!;
    expect(text).toContain(mark);
    if (language === 'sql') {
      await region.query(text);
      return { code: 0, out: '', err: '' };
    }
    exports += text
      .split('\n')
      .filter((line) => /^(export|umask) /.test(line))
      .join('\n')
      .concat('\n');
    const ended = await shell(text);
    // Others on this machine may have the port of the page.
    if (text.includes('farshore init')) await shell(`sed -i 's/127.0.0.1:8320/127.0.0.1:${port}/' farshore.yaml`);
    return ended;
  };
  const written = async (): Promise<string> => await readFile(join(folder, 'farshore.yaml'), 'utf8');

  it('asks the clusters and writes what can be used, and why the rest cannot', async () => {
    await next('export PRIMARY');
    const { code, err } = await next('farshore init');
    expect({ code, err }).toMatchObject({ code: 0 });
    expect(err).toContain('3 of 4 topics to mirror, 0 of 2 tables to apply');
    expect(err).toContain('\n  alter table "public"."invoices" add column farshore_version bytea;\n');
    expect(err).toMatch(/next: farshore check --config farshore\.yaml\n$/);
    const text = await written();
    expect(text).toContain('    - "billing.other"   # 1 partition; mirrored only: no table of this name in the region\n');
    expect(text).toContain('records of somebody else\n    # Delete or empty that topic, or leave this one out.\n    # - "crm.plans"\n');
    expect(text).toContain(
      '    # - topic: "billing.invoices"\n    #   table: "public.invoices"\n    #   # key: ["id"]   # the primary key\n    #   version: "updated_at"   # int\n',
    );
    expect(text).toContain('# Not as things are: The table has no primary key\n');
    for (const secret of [urls.home, urls.region]) expect(text).not.toContain(secret);
  });

  it('is accepted by check as it was written', async () => {
    const { code, out } = await shell('farshore check --config farshore.yaml');
    expect(out).toContain('0 problems');
    expect(code).toBe(0);
  });

  it('replaces no file by itself', async () => {
    const before = await written();
    const { code, err } = await shell('farshore init --primary "$PRIMARY" --regional "$REGIONAL" --config farshore.yaml');
    expect({ code, err }).toEqual({
      code: 1,
      err: 'error[file_exists]: farshore.yaml exists already\n  next: Name another file with --config, or replace it with --force.\n',
    });
    expect(await written()).toBe(before);
  });

  it('proposes the table once it has the column, and check finds nothing wrong', async () => {
    await next('add column farshore_version');
    const { code, err } = await next('--force');
    expect({ code, err }).toMatchObject({ code: 0 });
    expect(err).toContain('1 of 2 tables to apply');
    expect(await written()).toContain('    - topic: "billing.invoices"\n      table: "public.invoices"\n');
    const checked = await next('farshore check');
    expect(checked).toMatchObject({ code: 0, err: '' });
    expect(checked.out).toContain('billing.invoices fits public.invoices');
    expect(checked.out).toContain('The audit can compare public.invoices');
    expect(checked.out).toContain('0 problems');
  });

  it('names a column that is missing, with the statement that adds it', async () => {
    await region.query('alter table invoices rename note to remark');
    const { code, out } = await shell('farshore check --config farshore.yaml');
    await region.query('alter table invoices rename remark to note');
    expect(code).toBe(1);
    expect(out).toContain('next: alter table "public"."invoices" add column "note" text;');
  });

  it('runs, and tells how it stands', async () => {
    expect(blocks.shift()?.text).toBe('farshore run --config farshore.yaml\n');
    daemon = await supervise({
      command: process.execPath,
      args: [join(repositoryRoot, 'src/main.ts'), 'run', '--config', 'farshore.yaml'],
      cwd: folder,
      env: {},
      logFile: join(folder, 'daemon.log'),
      orphanSignal: 'SIGKILL',
      orphanGraceMs: 0,
    });
    await eventually(async () => (await region.query('select 1 from invoices')).rowCount === 20, { deadlineMs: 60_000, what: '20 rows' });
    const { code, out, err } = await next('farshore status');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('billing.invoices');
  });

  it('reads the rows from before, and the audit finds both sides equal', async () => {
    const filled = await next('farshore backfill start');
    expect(filled).toMatchObject({ code: 0 });
    expect((await region.query('select 1 from invoices')).rowCount).toBe(60);
    const audited = await next('farshore audit run');
    expect(audited).toMatchObject({ code: 0, err: '' });
    await eventually(
      async () => {
        const { out } = await shell('farshore audit status --config farshore.yaml -o json');
        const [one] = (JSON.parse(out) as AuditStatus).tables;
        return one?.coverage === 1 && one.openPass === null && Object.values(one.divergent).every((count) => count === 0);
      },
      { deadlineMs: 90_000, everyMs: 500, what: 'a pass over the whole table that finds nothing' },
    );
    expect(blocks).toEqual([]);
  });
});
