import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

export const views = ['', 'partitions', 'tables', 'rejected', 'audit', 'backfills', 'shadow', 'cutover', 'events', 'runbooks'] as const;
export type View = (typeof views)[number] | `runbooks/${string}`;

/** Goes to a page of the dashboard by its address, as a link does. */
export async function goTo(page: Page, view: View): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(`#/${view}`)}`);
}

/** As one who has given the token in this tab. */
export async function withToken(page: Page, token: string, who = 'ada'): Promise<void> {
  await page.addInitScript(
    `sessionStorage.setItem('farshore.token', ${JSON.stringify(token)}); sessionStorage.setItem('farshore.who', ${JSON.stringify(who)});`,
  );
}

export async function giveToken(page: Page, token: string, who = 'ada'): Promise<void> {
  const dialog = page.getByRole('dialog', { name: 'Token needed' });
  await dialog.getByLabel('Token', { exact: true }).fill(token);
  await dialog.getByLabel('Your name').fill(who);
  await dialog.getByRole('button', { name: 'Use this token' }).click();
}

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds wrong on the page, as `rule: element` lines. */
export async function axeViolations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe);
  const { violations } = await page.evaluate<{
    readonly violations: readonly {
      readonly id: string;
      readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
    }[];
  }>('axe.run(document, { resultTypes: ["violations"] })');
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`));
}

/** Pixels by which the page is wider than its window. */
export const overflow = async (page: Page): Promise<number> =>
  await page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
