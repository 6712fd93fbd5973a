import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AdminServer, startAdmin } from '../../src/admin/server.ts';
import { eventually } from '../rig/context.ts';
import { testSettings } from '../unit/admin/fixture.ts';
import { Browser, chromiumPath, needsChromium } from './chromium.ts';
import { event, Showcase, stoppedPartition } from './showcase.ts';

/** Every page against a real admin server, whose daemon says what a test is about. */
describe.skipIf(chromiumPath === undefined)(`the dashboard ${needsChromium}`, () => {
  let browser: Browser;
  let admin: AdminServer | undefined;
  let page: Page;

  const open = async (show: Showcase, view = ''): Promise<void> => {
    admin = await startAdmin(show.source(), testSettings().settings);
    await page.goto(`http://127.0.0.1:${admin.port}/#/${view}`);
  };
  const verdict = async (state: string): Promise<void> => {
    await page.locator(`[data-verdict="${state}"]`).waitFor();
  };

  beforeAll(async () => {
    browser = await Browser.start();
  });
  beforeEach(async () => {
    page = await browser.page();
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
    await eventually(async () => /^[34],\d{3} records\/s$/.test((await rate.innerText()).trim()), { what: 'a rate being shown' });
    show.status = { ...show.status, partitions: [...show.status.partitions, stoppedPartition] };
    await verdict('broken');
    const reasons = page.locator('.reasons li');
    expect(await reasons.first().innerText()).toContain('1 partition stopped: catalog.products:1');
    expect(await reasons.first().getByRole('link', { name: 'Runbook' }).getAttribute('href')).toBe(
      '#/runbooks/partition-stopped.md#a-partition-stopped',
    );
    show.happen(event('partition_stopped', 'error', 'catalog.products:1 stopped', 0));
    await page.goto(`http://127.0.0.1:${admin?.port}/#/events`);
  });

  it('calls figures old, and nothing fine, once the daemon is silent', async () => {
    await open(new Showcase());
    await verdict('fine');
    await admin?.close();
    await verdict('unknown');
    expect(await page.locator('#freshness').innerText()).toMatch(/does not answer\. What is shown is from \d\d:\d\d:\d\d/);
    expect(await page.locator('body').getAttribute('class')).toBe('stale');
  });
});
