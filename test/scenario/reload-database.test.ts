import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { expect, it } from 'vitest';
import type { AuditStatus } from '../../src/model/audit.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { rowTable, rowValue, TestDaemon } from './daemon.ts';

it('the audit reads the primary with a rotated login, without a restart, and with the old one no more', async () => {
  const { primary, regional } = sharedRig();
  const topic = uniqueTopic('rotated');
  const table = 'public.rotated';
  const [homeUrl, regionUrl] = [await freshDatabase(), await freshDatabase()];
  const roles = ['old', 'new'].map((name) => uniqueTopic(name).replaceAll(/\W/g, '_')) as [string, string];
  const home = new pg.Pool({ connectionString: homeUrl, max: 2 });
  const as = (role: string): string => {
    const url = new URL(homeUrl);
    [url.username, url.password] = [role, 'rotated-secret'];
    return url.href;
  };
  const readers = async (): Promise<readonly string[]> => {
    const text = `select distinct usename from pg_stat_activity where datname = current_database() and application_name = 'farshore'`;
    return (await home.query<{ usename: string }>(text)).rows.map(({ usename }) => usename);
  };
  const region = new pg.Pool({ connectionString: regionUrl, max: 1 });
  const producer = kafkajsFor(primary).producer();
  try {
    for (const role of roles) await home.query(`create role ${role} login password 'rotated-secret' in role pg_read_all_data`);
    await home.query(rowTable(table).replace(', farshore_version bytea', ''));
    await region.query(rowTable(table));
    await home.query(`insert into ${table} values (1, 'first', 1)`);
    await Promise.all([producer.connect(), createTopic(primary, { topic })]);
    await producer.send({ topic, messages: [{ key: '1', value: rowValue(1, 'first', 1) }] });
    await using daemon = await TestDaemon.create({
      primary,
      regional,
      database: regionUrl,
      primaryDatabase: 'source',
      files: { source: as(roles[0]) },
      region: topic.replaceAll('.', '-'),
      topics: [topic],
      tables: [`{ topic: ${topic}, table: ${table}, version: version }`],
      extra: ['audit: { publishAllowanceSeconds: 0.5, againSeconds: 0.5, tries: 3 }'],
    });
    const pass = async (): Promise<void> => {
      const ended = async () =>
        (JSON.parse(await daemon.cli(['audit', 'status', '-o', 'json'])) as AuditStatus).tables[0]?.lastPass?.endedAt;
      const before = await ended();
      await daemon.cli(['audit', 'run', '--by', 'ada']);
      await eventually(async () => (await ended()) !== before, { deadlineMs: 60_000, everyMs: 250, what: 'the pass having ended' });
    };
    await daemon.start();
    await eventually(async () => (await region.query(`select from ${table}`)).rowCount === 1, { deadlineMs: 60_000, what: 'the row' });
    await pass();
    expect(await readers()).toEqual([roles[0]]);
    await writeFile(join(daemon.folder, 'source.new'), as(roles[1]), { mode: 0o600 });
    await rename(join(daemon.folder, 'source.new'), join(daemon.folder, 'source'));
    await eventually(async () => (await daemon.log()).includes('reloaded primary.database.urlFile'), { what: 'the reload' });
    await pass();
    expect(await readers()).toEqual([roles[1]]);
    const log = await daemon.log();
    expect(log).not.toContain('restart_needed');
    expect(log).not.toContain('rotated-secret');
  } finally {
    await producer.disconnect();
    for (const role of roles) await home.query(`drop role if exists ${role}`);
    await Promise.all([home.end(), region.end()]);
  }
});
