/**
 * Takes the pictures of docs/dashboard.md: `./scripts/node24 scripts/dashboard-images.ts`. The page is the real one, behind the real admin server; the region it
 * shows is the one of the browser tests. Needs Chromium.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startAdmin } from '../src/admin/server.ts';
import { Browser, chromiumPath, type Look } from '../test/browser/chromium.ts';
import { goTo, type View, withToken } from '../test/browser/pages.ts';
import { Showcase } from '../test/browser/showcase.ts';
import { repositoryRoot } from '../test/rig/paths.ts';
import { testSettings, token } from '../test/unit/admin/fixture.ts';

const folder = process.argv[2] ?? join(repositoryRoot, 'docs', 'images');
/** So that the charts have something to show. */
const WATCHED_MS = Number(process.argv[3] ?? 45_000);

interface Picture {
  readonly name: string;
  readonly view: View;
  readonly show: 'fine' | 'trouble';
  readonly look: Look;
  /** A button to press before. */
  readonly press?: string;
}

const desktop = { width: 1_280, height: 860 } as const;
const phone = { width: 360, height: 780, scale: 2 } as const;
const pictures: readonly Picture[] = [
  { name: 'overview-light', view: '', show: 'fine', look: desktop },
  { name: 'overview-dark', view: '', show: 'trouble', look: { ...desktop, colors: 'dark' } },
  { name: 'overview-phone', view: '', show: 'trouble', look: phone },
  { name: 'partitions', view: 'partitions', show: 'trouble', look: desktop },
  { name: 'tables', view: 'tables', show: 'trouble', look: desktop },
  { name: 'rejected', view: 'rejected', show: 'trouble', look: desktop },
  { name: 'audit', view: 'audit', show: 'trouble', look: desktop, press: 'Show findings' },
  { name: 'backfills', view: 'backfills', show: 'trouble', look: { ...desktop, height: 420 } },
  { name: 'shadow', view: 'shadow', show: 'trouble', look: desktop, press: 'Show examples' },
  { name: 'cutover-dark', view: 'cutover', show: 'trouble', look: { ...desktop, colors: 'dark' } },
  { name: 'cutover-phone', view: 'cutover', show: 'trouble', look: { ...phone, colors: 'dark' } },
  { name: 'events', view: 'events', show: 'trouble', look: { ...desktop, height: 560 } },
];

if (chromiumPath === undefined) throw new Error('no Chromium here');
await mkdir(folder, { recursive: true });
const started = { fine: new Showcase(), trouble: new Showcase().trouble() };
const servers = {
  fine: await startAdmin(started.fine.source(), testSettings().settings),
  trouble: await startAdmin(started.trouble.source(), testSettings().settings),
};
await delay(WATCHED_MS);
for (const { name, view, show, look, press } of pictures) {
  await using browser = await Browser.start(look);
  const page = await browser.page();
  await withToken(page, token);
  await page.goto(`http://127.0.0.1:${servers[show].port}/`);
  await page.locator('[data-verdict]:not([data-verdict="unknown"])').waitFor();
  await delay(view === '' ? 3_000 : 0);
  await goTo(page, view);
  if (press !== undefined) await page.getByRole('button', { name: press }).click();
  await page.locator('main').getByText('Asking the daemon').waitFor({ state: 'detached' });
  await delay(1_500);
  await page.screenshot({ path: join(folder, `dashboard-${name}.png`) });
  process.stdout.write(`${name}\n`);
}
await Promise.all([servers.fine.close(), servers.trouble.close()]);
