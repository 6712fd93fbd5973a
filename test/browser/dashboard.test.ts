import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AdminServer, startAdmin } from '../../src/admin/server.ts';
import { eventually } from '../rig/context.ts';
import { testSettings, token } from '../unit/admin/fixture.ts';
import { Browser, chromiumPath, needsChromium } from './chromium.ts';
import { axeViolations, giveToken, goTo, overflow, type View, views, withToken } from './pages.ts';
import { cutoverOf, event, partitionOf, Showcase, statusOf, stoppedPartition } from './showcase.ts';

/** Every page against a real admin server, whose daemon says what a test is about. */
describe.skipIf(chromiumPath === undefined)(`the dashboard ${needsChromium}`, () => {
  let browser: Browser;
  let admin: AdminServer | undefined;
  let page: Page;

  const open = async (show: Showcase, view: View = ''): Promise<void> => {
    admin = await startAdmin(show.source(), testSettings().settings);
    await page.goto(`http://127.0.0.1:${admin.port}/#/${view}`);
  };
  const verdict = async (state: string): Promise<void> => {
    await page.locator(`[data-verdict="${state}"]`).waitFor();
  };
  const press = async (name: string | RegExp): Promise<void> => {
    await page.getByRole('button', { name }).first().click();
  };
  const confirm = async (name: string): Promise<void> => {
    await page.getByRole('dialog').getByRole('button', { name, exact: true }).click();
  };
  const said = async (text: string | RegExp): Promise<void> => {
    await page.locator('.toast', { hasText: text }).first().waitFor();
  };

  beforeAll(async () => {
    browser = await Browser.start();
  });
  beforeEach(async () => {
    page = await browser.page();
    page.setDefaultTimeout(20_000);
  });
  afterEach(async () => {
    await page.close();
    await admin?.close();
    admin = undefined;
    expect(browser.complaints.splice(0)).toEqual([]);
  });
  afterAll(() => browser?.[Symbol.asyncDispose]());

  it('says in one word how the region is, with reasons, as it changes', async () => {
    const show = new Showcase();
    await open(show);
    await verdict('fine');
    expect(await page.title()).toBe('eu-west is fine · Overview');
    const rate = page.locator('.hop', { hasText: 'apply' }).locator('.rate');
    await eventually(async () => /^[34],\d{3} records\/s$/.test((await rate.textContent()) ?? ''), { what: 'a rate being shown' });
    show.status = { ...show.status, partitions: [...show.status.partitions, stoppedPartition] };
    await verdict('broken');
    const reason = page.locator('.reasons li').first();
    expect(await reason.textContent()).toContain('1 partition stopped: catalog.products:1');
    await reason.getByRole('link', { name: 'Runbook' }).click();
    await page.getByRole('heading', { name: 'A partition stopped' }).waitFor();
    await goTo(page, '');
    // What is not known is called so, and is neither 0 nor fine.
    const unknown = { known: false, seconds: null, records: null };
    show.status = statusOf({
      partitions: [partitionOf('orders.lines', 0, { lag: { mirror: unknown, apply: unknown, total: unknown } })],
      rejected: null,
    });
    await verdict('unknown');
    const tiles = page.locator('.tile');
    expect(await tiles.filter({ hasText: 'Lag, end to end' }).locator('.tile-value').textContent()).toBe('unknown');
    expect(await tiles.filter({ hasText: 'Rejected records' }).locator('.tile-value').textContent()).toBe('unknown');
    show.status = statusOf({ role: 'standby', partitions: [], rejected: null });
    await page.getByText('This daemon stands by').first().waitFor();
    await verdict('unknown');
  });

  it('calls figures old, and nothing fine, once the daemon is silent, and is live again with it', async () => {
    const show = new Showcase();
    await open(show);
    await verdict('fine');
    const { port = 0 } = admin ?? {};
    await admin?.close();
    await verdict('unknown');
    expect(await page.locator('#freshness').textContent()).toMatch(/does not answer\. What is shown is from \d\d:\d\d:\d\d/);
    expect(await page.locator('body').getAttribute('class')).toBe('stale');
    expect(await page.title()).toBe('eu-west is unknown · Overview');
    admin = await startAdmin(show.source(), testSettings({ port }).settings);
    await verdict('fine');
    expect(await page.locator('#freshness').textContent()).toBe('Live');
  });

  it('calls figures old when the stream stands open and nothing comes', async () => {
    const show = new Showcase();
    await open(show);
    await verdict('fine');
    show.status = { ...show.status, counters: { mirroredRecords: 'broken', appliedRecords: '0' } };
    await verdict('unknown');
    expect(await page.locator('#freshness').textContent()).toContain('says nothing');
  });

  it('draws lag and rate over time', async () => {
    await open(new Showcase());
    await verdict('fine');
    expect(await page.locator('.plot canvas').count()).toBe(2);
    const drawn = `[...document.querySelectorAll('.plot canvas')].map((canvas) => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size)`;
    await eventually(async () => (await page.evaluate<number[]>(drawn)).every((shades) => shades > 8), { what: 'lines being drawn' });
  });

  it.each<readonly [View, readonly (string | RegExp)[]]>([
    ['partitions', ['catalog.products:1', 'source truncated', 'farshore partition resume catalog.products:1', '1204118 to 1209233']],
    ['tables', ['public.billing_invoices', '8,211,450', '3 rows', '62 %', 'orders.lines']],
    ['rejected', ['catalog.products:2 @ 1217097', 'value too long', 'waits for public.billing_invoices']],
    ['audit', ['3 rows differ', '1 / 0 / 2', 'comparing public.orders_lines']],
    ['backfills', ['public.catalog_products', '412,000 of about 1,250,000', '5,210']],
    ['shadow', ['GET /invoices/{id}', '9 wrong', '$.lines[*].price', '99.92 %']],
    [
      'cutover',
      [
        'shadowing',
        'divergence is shut',
        '3 rows differ from the primary',
        'the region is not ready',
        'POST https://dns.company.internal/switch',
      ],
    ],
    ['events', ['4 times since', 'orders.lines found with 3 partitions']],
    ['runbooks', ['Runbooks', 'Lag grows']],
    ['runbooks/lag-grows.md#lag-is-unknown', ['Lag is unknown', 'As long as lag is not known, treat the copy as old']],
  ])('shows %s', async (view, texts) => {
    await withToken(page, token);
    await open(new Showcase().trouble(), view);
    for (const text of texts) await page.locator('main').getByText(text).first().waitFor();
  });

  it('asks for the token, says when it is wrong, and remembers the right one', async () => {
    const show = new Showcase().trouble();
    await open(show, 'rejected');
    await giveToken(page, 'not-the-token');
    await page.getByRole('alert').getByText('is not the one of admin.tokenFile').waitFor();
    await giveToken(page, token);
    await page.getByText('catalog.products:2 @ 1217097').waitFor();
    await goTo(page, 'audit');
    await press('Run an audit of every table');
    await said('An audit of 4 tables was asked for.');
    expect(show.asked).toEqual(['run {"by":"ada"}']);
    expect(await page.evaluate('localStorage.length')).toBe(0);
  });

  it('changes nothing when no token is given', async () => {
    const show = new Showcase().trouble();
    await open(show, 'audit');
    await press('Run an audit of every table');
    await page.getByRole('dialog').getByLabel('Token', { exact: true }).press('Escape');
    await said('no token was given');
    expect(show.asked).toEqual([]);
  });

  it('pauses and resumes partitions, and wants what is given up to be ticked', async () => {
    const show = new Showcase().trouble();
    await withToken(page, token);
    await open(show, 'partitions');
    await press('Pause apply of billing.accounts:0');
    await confirm('Pause it');
    await said('apply of billing.accounts:0 is paused.');
    await press('Resume mirror of catalog.products:1');
    await confirm('Resume it');
    await page.getByRole('alert').getByText('Tick what has to be accepted').waitFor();
    await page.getByLabel(/The records that are gone are given up/).check();
    await confirm('Resume it');
    await said('mirror of catalog.products:1 goes on.');
    expect(show.asked).toEqual([
      'pause {"topic":"billing.accounts","partition":0,"stage":"apply","by":"ada"}',
      'resume {"topic":"catalog.products","partition":1,"stage":"mirror","by":"ada","from":"earliest","acceptLoss":true,"acceptRecreated":false,"acceptRewind":false}',
    ]);
  });

  it('tries kept records again, shows what is in one, and gives them up', async () => {
    const show = new Showcase().trouble();
    await withToken(page, token);
    await open(show, 'rejected');
    await press('Show what is in record 1871');
    await page.getByText('a product with a name that is far too long').waitFor();
    await page.getByRole('checkbox', { name: 'catalog.products:2 @ 1217097' }).check();
    await press('Retry 1 record');
    await said('Tried 1 record again: 1 applied');
    await press('Discard 1 record');
    await confirm('Give up');
    await said('1 record given up.');
    await page.getByText('catalog.products:2 @ 1217097').waitFor({ state: 'detached' });
    expect(show.asked).toEqual(['retry {"ids":["1871"],"by":"ada"}', 'discard {"ids":["1871"],"by":"ada"}']);
  });

  it('repairs after a dry run, ignores and resolves findings', async () => {
    const show = new Showcase().trouble();
    await withToken(page, token);
    await open(show, 'audit');
    await press('Show findings');
    await page.getByRole('checkbox', { name: '90117' }).check();
    await press('Repair 1 finding…');
    await page.getByRole('dialog', { name: 'Write 1 row as the primary has them?' }).waitFor();
    expect(show.asked).toEqual(['repair {"ids":["41"],"by":"ada","dryRun":true,"limit":1000}']);
    await confirm('Write them');
    await said('1 row of 1 repaired.');
    await press('Ignore 1 finding');
    await said('1 finding ignored.');
    await press('Resolve 1 finding');
    await said('1 finding resolved.');
    expect(show.asked.slice(1)).toEqual([
      'repair {"ids":["41"],"by":"ada","dryRun":false,"limit":1000}',
      'ignored {"ids":["41"],"by":"ada"}',
      'resolved {"ids":["41"],"by":"ada"}',
    ]);
  });

  it('pauses, stops and starts backfills', async () => {
    const show = new Showcase().trouble();
    await withToken(page, token);
    await open(show, 'backfills');
    await press('pause the backfill of public.catalog_products');
    await said('is paused');
    show.backfills = show.backfills.map((one) => (one.state === 'running' ? { ...one, state: 'paused' } : one));
    await press('resume the backfill of public.catalog_products');
    await said('goes on');
    await press('stop the backfill of public.catalog_products');
    await confirm('Stop it');
    await said('is stopped');
    await press('Start a backfill…');
    await page.getByRole('dialog').getByLabel('Table').selectOption('public.orders_lines');
    await page.getByLabel(/Only rows where/).fill('id > 5');
    await confirm('Start it');
    await said('Backfill 8 of public.orders_lines is started.');
    expect(show.asked.map((one) => one.split(' ', 1)[0])).toEqual(['pause', 'resume', 'stop', 'start']);
    expect(show.asked.at(-1)).toContain('"where":"id > 5"');
  });

  it('moves a lever of the cutover only with the typed name of the region', async () => {
    const show = new Showcase();
    show.cutover = cutoverOf({ state: 'ready', verbs: cutoverOf().verbs.map((one) => ({ ...one, refused: null })) });
    await withToken(page, token);
    await open(show, 'cutover');
    await press('Hold…');
    await page.getByLabel('Reason').fill('a look first');
    await page.getByLabel('Type the name of the region').fill('us-east');
    await confirm('Hold');
    await page.getByRole('alert').getByText('type the name of the region').waitFor();
    expect(show.asked).toEqual([]);
    await page.getByLabel('Type the name of the region').fill('eu-west');
    await confirm('Hold');
    await said('hold: taken. The cutover is ready, on hold.');
    await page.getByText('On hold by ada').waitFor();
    for (const [button, verb] of [
      ['Start the cutover', 'start'],
      ['Abort', 'abort'],
      ['Revert', 'revert'],
      ['Complete', 'complete'],
      ['Release', 'release'],
    ] as const) {
      await press(`${button}…`);
      await page.getByLabel('Type the name of the region').fill('eu-west');
      await confirm(button);
      await said(`${verb}: taken.`);
    }
    expect(show.asked.map((one) => /"verb":"(\w+)".*"by":"ada"|"verb":"(\w+)"/.exec(one)?.[1])).toEqual([
      'hold',
      'start',
      'abort',
      'revert',
      'complete',
      'release',
    ]);
  });

  it('shows a lever that would be refused with the reason, and does not offer it', async () => {
    await open(new Showcase(), 'cutover');
    const start = page.getByRole('button', { name: 'Start the cutover…' });
    expect(await start.isDisabled()).toBe(true);
    await page.getByText('the region is not ready: divergence, rejected').waitFor();
  });

  it('tells events as they come, and again ones in their place', async () => {
    const show = new Showcase();
    await open(show, 'events');
    await page.getByText('orders.lines found with 3 partitions').waitFor();
    const happened = event('gate_changed', 'info', 'gate lag opened', 0);
    show.happen(happened);
    await eventually(async () => (await page.locator('.log li').first().textContent())?.includes('gate lag opened'));
    show.happen({ ...happened, times: 3 });
    await page.getByText('3 times since').waitFor();
    expect(await page.getByText('gate lag opened').count()).toBe(1);
    await page.getByLabel('Show').selectOption('errors');
    await page.getByText('gate lag opened').waitFor({ state: 'detached' });
    expect(await page.locator('.log li').count()).toBe(1);
  });

  it('shows foreign names as text, whatever they hold', async () => {
    const evil = '<img src=x onerror="document.title=1"><script>document.title=1</script>';
    const show = new Showcase().trouble();
    show.status = statusOf({
      region: evil,
      partitions: [partitionOf(evil, 0, { mirror: { ...stoppedPartition.mirror!, message: evil, hint: evil } })],
      tables: [{ table: evil, topic: evil, state: 'stopped', reason: evil }],
      components: [{ component: 'primary_kafka', up: false, reason: evil }],
    });
    show.rejected = show.rejected.map((one) => ({ ...one, topic: evil, message: evil }));
    show.cutover = cutoverOf({ region: evil, reason: evil, hold: { by: evil, reason: evil, at: cutoverOf().since } });
    show.happen(event(evil, 'error', evil, 0));
    await withToken(page, token);
    await open(show);
    await verdict('broken');
    for (const view of views) {
      await goTo(page, view);
      if (view !== 'runbooks' && view !== 'audit' && view !== 'backfills' && view !== 'shadow')
        await page.locator('main').getByText('<img src=x onerror').first().waitFor();
      expect([view, await page.locator('img, main script').count()]).toEqual([view, 0]);
    }
    expect(await page.title()).not.toBe('1');
  });

  it('can be used by keyboard alone', async () => {
    const show = new Showcase().trouble();
    await withToken(page, token);
    await open(show);
    await verdict('broken');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('To the content');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toMatch(/^Partitions/);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Partitions', exact: true }).waitFor();
    expect(await page.evaluate('document.activeElement.tagName')).toMatch(/^H1$|^MAIN$/);
    // Drawn anew each second, and the focus stays where it was put.
    const pause = page.getByRole('button', { name: 'Pause apply of billing.accounts:0' });
    await pause.focus();
    for (let read = 0; read < 2; read++) await page.waitForResponse(/api\/status/);
    expect(await page.evaluate('document.activeElement.getAttribute("aria-label")')).toBe('Pause apply of billing.accounts:0');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await page.evaluate('document.activeElement.getAttribute("aria-label")')).toBe('Pause apply of billing.accounts:0');
    expect(show.asked).toEqual([]);
  });

  it.each([
    ['light', 'light', 1_280],
    ['dark', 'dark', 1_280],
    ['on a phone', 'light', 360],
    ['on a phone, dark', 'dark', 360],
  ] as const)('has nothing that axe finds wrong, %s', async (_name, colorScheme, width) => {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    await withToken(page, token);
    await open(new Showcase().trouble());
    await verdict('broken');
    for (const view of [...views, 'runbooks/lag-grows.md'] as const) {
      await goTo(page, view);
      await page.locator('main h1').first().waitFor();
      if (view === 'audit') await press('Show findings');
      if (view === 'shadow') await press('Show examples');
      await page.locator('main').getByText('Asking the daemon').waitFor({ state: 'detached' });
      expect([view, await axeViolations(page), await overflow(page)]).toEqual([view, [], 0]);
    }
    await goTo(page, 'cutover');
    await press('Hold…');
    expect(await axeViolations(page)).toEqual([]);
  });
});
