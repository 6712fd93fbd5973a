import pg from 'pg';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditStatus } from '../../src/model/audit.ts';
import { Browser, chromiumPath, needsChromium } from '../browser/chromium.ts';
import { giveToken, goTo } from '../browser/pages.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { rowTable, rowValue, TestDaemon } from './daemon.ts';

const ROWS = 200;
const TOKEN = 'scenario-token';

/** One daemon for all: a copy with a rejected record, rows that were changed behind it, and somebody at the dashboard. */
describe.skipIf(chromiumPath === undefined)(`the dashboard of a daemon ${needsChromium}`, () => {
  const cleanup = new AsyncDisposableStack();
  const topic = uniqueTopic('dash');
  const table = 'public.dash';
  let daemon: TestDaemon;
  let region: pg.Pool;
  let browser: Browser;
  let page: Page;
  let publish: (id: number, note: string, version: number) => Promise<unknown>;

  const said = async (text: string | RegExp): Promise<void> => {
    await page.locator('.toast', { hasText: text }).first().waitFor();
  };
  const press = async (name: string | RegExp): Promise<void> => {
    await page.getByRole('button', { name }).first().click();
  };
  const audited = async () => ((await (await fetch(`${daemon.url}/api/audit`)).json()) as AuditStatus).tables[0];
  const note = async (id: number): Promise<unknown> =>
    (await region.query<{ note: string }>(`select note from ${table} where id = $1`, [id])).rows[0]?.note;

  beforeAll(async () => {
    const { primary, regional } = sharedRig();
    const [homeUrl, regionUrl] = [await freshDatabase(), await freshDatabase()];
    const home = new pg.Pool({ connectionString: homeUrl, max: 1 });
    region = new pg.Pool({ connectionString: regionUrl, max: 1 });
    const producer = kafkajsFor(primary).producer();
    cleanup.defer(async () => {
      await Promise.all([home.end(), region.end(), producer.disconnect()]);
    });
    await home.query(rowTable(table).replace(', farshore_version bytea', ''));
    await region.query(rowTable(table).replace('note text not null', "note text not null constraint allowed check (note <> 'forbidden')"));
    await Promise.all([producer.connect(), createTopic(primary, { topic, partitions: 2 })]);
    publish = (id, text, version) =>
      producer.send({ topic, messages: [{ key: String(id), value: rowValue(id, text, version), partition: id % 2 }] });
    await home.query(`insert into ${table} select id, 'first', 1 from generate_series(0, ${ROWS - 1}) id`);
    await producer.send({
      topic,
      messages: Array.from({ length: ROWS }, (_, id) => ({ key: String(id), value: rowValue(id, 'first', 1), partition: id % 2 })),
    });
    await home.query(`insert into ${table} values (1000, 'forbidden', 1)`);
    await publish(1_000, 'forbidden', 1);
    daemon = await TestDaemon.create({
      primary,
      regional,
      database: regionUrl,
      primaryDatabase: homeUrl,
      // Of its own: another scenario's daemon has mirrored the heartbeats of the usual one into this cluster, and they belong to nobody here.
      primaryName: 'dash-home',
      region: topic.replaceAll('.', '-'),
      topics: [topic],
      tables: [`{ topic: ${topic}, table: ${table}, version: version }`],
      heartbeat: true,
      // A daemon that has to wait for the processor counts as busy, and would let audit and backfill rest.
      extra: ['audit: { publishAllowanceSeconds: 1, againSeconds: 0.2, tries: 2, pauseAboveLoad: 1 }', 'backfill: { pauseAboveLoad: 1 }'],
    });
    cleanup.use(daemon);
    await daemon.start();
    await eventually(async () => (await daemon.status()).rejected?.some(({ records }) => records === 1), {
      what: 'one record being rejected',
    });
    await region.query(`update ${table} set note = 'spoilt' where id = 7`);
    browser = await Browser.start();
    cleanup.use(browser);
    page = await browser.page();
    page.setDefaultTimeout(60_000);
    await page.goto(daemon.url);
  });
  afterAll(() => cleanup.disposeAsync());

  it('shows what flows through the daemon while it flows', async () => {
    await page.locator('[data-verdict="attention"]').waitFor();
    await page.locator('.reasons li', { hasText: '1 rejected record kept of public.dash' }).waitFor();
    const applied = page.locator('.facts div', { hasText: 'Applied since start' }).locator('dd');
    const before = await applied.textContent();
    await publish(3, 'second', 2);
    await eventually(async () => (await applied.textContent()) !== before, { what: 'one more record being shown' });
    expect(await note(3)).toBe('second');
  });

  it('pauses and resumes a partition', async () => {
    await goTo(page, 'partitions');
    await press(`Pause apply of ${topic}:0`);
    await page.getByRole('dialog').getByRole('button', { name: 'Pause it' }).click();
    await giveToken(page, TOKEN, 'grace');
    await said('is paused');
    expect((await daemon.partition(topic, 0))?.apply?.state).toBe('paused');
    await press(`Resume apply of ${topic}:0`);
    await page.getByRole('dialog').getByRole('button', { name: 'Resume it' }).click();
    await said('goes on');
    await eventually(async () => (await daemon.partition(topic, 0))?.apply?.state === 'running', { what: 'the partition running' });
    await page.getByRole('row', { name: /grace/ }).first().waitFor();
  });

  it('tries a rejected record again once its cause is mended', async () => {
    await goTo(page, 'rejected');
    await page.getByRole('checkbox', { name: new RegExp(`^${topic}:0 @`) }).check();
    await press('Retry 1 record');
    await said('0 applied, 0 already newer in the region, 1 refused again');
    await region.query(`alter table ${table} drop constraint allowed`);
    await press('Retry 1 record');
    await said('1 applied');
    expect(await note(1_000)).toBe('forbidden');
    await page.getByText('No record is rejected.').waitFor();
  });

  it('runs an audit, shows what it finds, and repairs it after a dry run', async () => {
    await goTo(page, 'audit');
    await press(`Run an audit of ${table}`);
    await said('An audit of 1 table was asked for.');
    await eventually(async () => ((await audited())?.divergent.changed ?? 0) > 0, {
      deadlineMs: 60_000,
      what: 'the change being confirmed',
    });
    await press('Show findings');
    await page.getByRole('checkbox', { name: '7', exact: true }).check();
    await press('Repair 1 finding…');
    await page.getByRole('dialog').getByRole('button', { name: 'Write them' }).click();
    await said('1 row of 1 repaired.');
    expect(await note(7)).toBe('first');
  });

  it('starts a backfill', async () => {
    await goTo(page, 'backfills');
    await press('Start a backfill…');
    await page.getByRole('dialog').getByLabel('Table').selectOption(table);
    await page.getByRole('dialog').getByRole('button', { name: 'Start it' }).click();
    await said(`of ${table} is started.`);
    await page.getByRole('row', { name: /public\.dash done/ }).waitFor();
  });

  it('holds and releases the cutover', async () => {
    await goTo(page, 'cutover');
    const name = topic.replaceAll('.', '-');
    for (const [lever, confirm] of [
      ['Hold…', 'Hold'],
      ['Release…', 'Release'],
    ] as const) {
      await press(lever);
      if (confirm === 'Hold') await page.getByLabel('Reason').fill('a look first');
      await page.getByLabel('Type the name of the region').fill(name);
      await page.getByRole('dialog').getByRole('button', { name: confirm, exact: true }).click();
      await said(`${confirm.toLowerCase()}: taken.`);
    }
    await page.getByText('by grace').first().waitFor();
  });

  it('says so when the daemon is gone', async () => {
    await goTo(page, 'events');
    await page.getByText('cutover released by grace').waitFor();
    expect(await daemon.stop()).toMatchObject({ code: 0 });
    await page.locator('#freshness.old').waitFor();
    await goTo(page, '');
    await page.locator('[data-verdict="unknown"]').waitFor();
    expect(browser.complaints).toEqual([]);
  });
});
