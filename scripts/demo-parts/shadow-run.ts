import { setTimeout as delay } from 'node:timers/promises';
import type { ShadowView } from '../../src/model/shadow-view.ts';
import { produce, until } from './check.ts';
import type { Demo } from './main.ts';
import { Random } from './random.ts';
import { type BillingService, INJECTED_PATH, NOISE } from './shadow-service.ts';

/** What the story of the shadow needs beside the traffic. */
export interface Shadowed {
  readonly primaryService: BillingService;
  readonly regionService: BillingService;
  /** Where users ask. */
  readonly proxyUrl: string;
}

export interface ShadowResult {
  readonly broken: 'shadow';
  /** Comparisons that came to an end: equal, noise, lag, mismatch or unsettled. */
  readonly compared: number;
  readonly injectedPath: string;
  readonly confirmedPaths: readonly string[];
  readonly noisePaths: readonly string[];
  readonly healedByLag: number;
}

const HISTORY = 4_000;
const LEAST_COMPARED = 1_000;
const LEAST_HEALED = 1;
const REQUESTS_A_ROUND = 24;
const ROUND_MS = 100;
const CHANGES_A_ROUND = 8;
/** One request in so many wants to change something. */
const CHANGING_EVERY = 20;
const LINE_EVERY_MS = 2_000;
const LIMIT_MS = 240_000;

export const shadowSection = (primary: number, region: number, proxyPort: number): string => `shadow:
  targets:
    primary: { url: "http://127.0.0.1:${primary}" }
    region: { url: "http://127.0.0.1:${region}" }
  proxyListen: "127.0.0.1:${proxyPort}"
  maxPerSecond: 300
  concurrency: 32
  compare:
    routes: ["GET /accounts/{id}", "GET /accounts/{id}/invoices", "GET /invoices/{id}"]
    confirm: { waitsSeconds: [0.5, 1, 2], publishAllowanceSeconds: 0.5, longestSeconds: 5 }
    samples: { keep: true }
`;

/**
 * Users read and write at the primary through the daemon's proxy, while rows change under them. The region lags, its service has one
 * wrong number, and every answer of both has ids, times and orders of its own: only the wrong number may be confirmed.
 */
export async function shadowRun(demo: Demo, shadowed: Shadowed, signal: AbortSignal) {
  const { say } = demo;
  await replicateHistory(demo, signal);
  say(whatIsWrong(shadowed));
  const traffic = new AbortController();
  const users = askAsUsers(demo, shadowed, AbortSignal.any([signal, traffic.signal]));
  users.catch(() => traffic.abort());
  try {
    const sinceMs = performance.now();
    let lineAtMs = 0;
    let view = await shadowView(demo);
    while (!(isEnough(view) || performance.now() - sinceMs > LIMIT_MS)) {
      signal.throwIfAborted();
      if (traffic.signal.aborted) await users;
      if (demo.daemon.failure !== undefined) throw demo.daemon.failure;
      await delay(250);
      view = await shadowView(demo);
      if (performance.now() - lineAtMs > LINE_EVERY_MS) {
        lineAtMs = performance.now();
        say(shadowLine(view));
      }
    }
  } finally {
    traffic.abort();
    await users.catch(() => undefined);
  }
  // What waits to be asked again comes to its end without new traffic.
  await until(demo, signal, ({ applied }) => applied >= demo.publisher.published);
  const deadlineMs = performance.now() + 30_000;
  let view = await shadowView(demo);
  while (view.waiting > 0 && performance.now() < deadlineMs) {
    await delay(250);
    view = await shadowView(demo);
  }
  say(shadowLine(view));
  const result = resultOf(view);
  const unsafe = [...shadowed.regionService.asked].filter(([method]) => method !== 'GET').reduce((sum, [, n]) => sum + n, 0);
  const wanted = shadowed.primaryService.asked.get('POST') ?? 0;
  const holds = {
    'enough was compared': result.compared >= LEAST_COMPARED,
    'the wrong number is confirmed': result.confirmedPaths.includes(INJECTED_PATH),
    'nothing else is': result.confirmedPaths.length === 1,
    'ids, times and orders are noise': Object.values(NOISE).every((name) => result.noisePaths.some((path) => path.includes(`#$.${name}`))),
    'lag was taken for lag': result.healedByLag >= LEAST_HEALED,
    'no request that changes something reached the region': unsafe === 0 && wanted > 0,
  };
  for (const [what, held] of Object.entries(holds)) if (!held) say(`does not hold: ${what}`);
  return { passed: Object.values(holds).every(Boolean), result };
}

const whatIsWrong = ({ proxyUrl }: Shadowed): string =>
  `Users now ask ${proxyUrl}. The region’s service rounds totals in yen: ${INJECTED_PATH}.`;

async function replicateHistory(demo: Demo, signal: AbortSignal): Promise<void> {
  demo.say('A history is written and replicated first.');
  await produce(demo, HISTORY, signal);
  await until(demo, signal, ({ applied }) => applied >= demo.publisher.published);
}

export const shadowLine = ({ total, waiting }: ShadowView): string =>
  [...Object.entries(total.counts).map(([name, count]) => `${name} ${count}`), `waiting ${waiting}`].join(' · ');

const comparedOf = ({ counts }: ShadowView['total']): number =>
  counts.match + counts.noise + counts.lag + counts.mismatch + counts.unsettled;

function resultOf(view: ShadowView): ShadowResult {
  const paths = (result: string): string[] =>
    view.routes.flatMap(({ route, fields }) => fields.filter((field) => field.result === result).map(({ path }) => `${route}#${path}`));
  const unique = (all: readonly string[]): string[] => [...new Set(all)].sort();
  return {
    broken: 'shadow',
    compared: comparedOf(view.total),
    injectedPath: INJECTED_PATH,
    confirmedPaths: unique(paths('mismatch')),
    noisePaths: unique(paths('noise')),
    healedByLag: view.total.counts.lag,
  };
}

function found(view: ShadowView): readonly string[] {
  const { confirmedPaths, noisePaths } = resultOf(view);
  return [
    ...confirmedPaths.map((path) => `Found: ${path} is wrong in the region, and confirmed.`),
    ...noisePaths.map((path) => `Found: ${path} is noise, the primary differs from itself there.`),
  ];
}

function isEnough(view: ShadowView): boolean {
  const { compared, confirmedPaths, noisePaths, healedByLag } = resultOf(view);
  const noise = Object.values(NOISE).every((name) => noisePaths.some((path) => path.includes(`#$.${name}`)));
  return compared >= LEAST_COMPARED && confirmedPaths.includes(INJECTED_PATH) && noise && healedByLag >= LEAST_HEALED;
}

export async function shadowView({ adminUrl }: Pick<Demo, 'adminUrl'>): Promise<ShadowView> {
  const answer = await fetch(`${adminUrl}/api/shadow`, { signal: AbortSignal.timeout(5_000) });
  if (answer.status !== 200) throw new Error(`/api/shadow answers ${answer.status}`);
  return (await answer.json()) as ShadowView;
}

/** Reads what is there and what was just written, while the application goes on writing. Ends with the signal. */
export async function askAsUsers(demo: Demo, { proxyUrl }: Shadowed, signal: AbortSignal): Promise<void> {
  const random = new Random(7);
  let asked = 0;
  while (!signal.aborted) {
    const roundMs = performance.now();
    await demo.generator.write(CHANGES_A_ROUND);
    // Asked between the commit and the publishing of its records: the region cannot have the rows yet.
    const paths = await pathsToAsk(demo, random);
    const answers = paths.map(async (path) => {
      asked += 1;
      const changing = asked % CHANGING_EVERY === 0;
      const answer = await fetch(`${proxyUrl}${path}`, changing ? { method: 'POST', body: '{"pay":true}' } : {});
      await answer.arrayBuffer();
      if (answer.status >= 500) throw new Error(`a user was answered ${answer.status} for ${path}`);
    });
    await Promise.all(answers);
    await demo.publisher.publish(1_000);
    const restMs = ROUND_MS - (performance.now() - roundMs);
    if (restMs > 0) await delay(restMs, undefined, { signal }).catch(() => undefined);
  }
}

async function pathsToAsk({ primary }: Pick<Demo, 'primary'>, random: Random): Promise<readonly string[]> {
  const ids = async (sql: string): Promise<readonly string[]> => (await primary.query<{ id: string }>(sql)).rows.map(({ id }) => id);
  const fresh = await ids('select id::text as id from invoices order by updated_at desc limit 4');
  const invoices = await ids('select id::text as id from invoices order by random() limit 40');
  // Long lists only: a list of one comes in one order.
  const accounts = await ids(
    'select account_id::text as id from invoices group by 1 having count(*) between 5 and 30 order by random() limit 10',
  );
  const some = <T>(from: readonly T[], count: number): T[] =>
    Array.from({ length: from.length === 0 ? 0 : count }, () => random.pick(from));
  return [
    ...fresh.map((id) => `/invoices/${id}`),
    ...some(invoices, REQUESTS_A_ROUND / 2 - 4).map((id) => `/invoices/${id}`),
    ...some(accounts, REQUESTS_A_ROUND / 4).map((id) => `/accounts/${id}`),
    ...some(accounts, REQUESTS_A_ROUND / 4).map((id) => `/accounts/${id}/invoices`),
  ];
}

/** The same until the signal, with a line of counts now and then, and each place once it is known what it is. */
export async function liveShadow(demo: Demo, shadowed: Shadowed, signal: AbortSignal): Promise<void> {
  await replicateHistory(demo, signal);
  demo.say(whatIsWrong(shadowed));
  demo.say(`farshore shadow diffs --url ${demo.adminUrl} shows what differs, ${demo.adminUrl}/#/shadow too.`);
  const told = new Set<string>();
  const users = askAsUsers(demo, shadowed, signal);
  const ended = users.then(
    () => undefined,
    () => undefined,
  );
  while (!signal.aborted) {
    const view = await shadowView(demo);
    process.stdout.write(`${shadowLine(view)}\n`);
    for (const line of found(view)) if (!told.has(line)) demo.say(line);
    for (const line of found(view)) told.add(line);
    await Promise.race([delay(LINE_EVERY_MS, undefined, { signal }).catch(() => undefined), ended]);
    if (demo.daemon.failure !== undefined) throw demo.daemon.failure;
    if (await Promise.race([ended.then(() => true), false])) break;
  }
  await users;
}
