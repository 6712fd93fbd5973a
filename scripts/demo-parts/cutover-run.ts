import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { AuditStatus } from '../../src/model/audit.ts';
import type { CutoverLogEntry, CutoverPlan } from '../../src/model/cutover.ts';
import { differences, digest } from './compare.ts';
import { farshore } from './farshore.ts';
import type { Demo } from './main.ts';

export interface CutoverResult {
  /** What the stored cutover went through, one after the other. */
  readonly states: readonly string[];
  /** Changes that the region's application was told to be committed. */
  readonly regionWrites: number;
  /** Rows of either side that the other does not have as they are. */
  readonly lost: number;
  /** Writers that were let in on a side that is not the home. */
  readonly dualWriters: number;
  readonly digestEqual: boolean;
  readonly seconds: number;
}

export interface CutoverDemo extends Demo {
  /** As the application that the cutover freezes. */
  readonly applicationUrl: string;
  readonly regionUrl: string;
}

/** Of the application; the demo's own log-ins are not frozen. */
export const APPLICATION = 'billing_app';
const CHANGES = 50;
const PAUSE_MS = 40;
const LIMIT_MS = 120_000;
const REGION = 'eu-west';

/** The application's role, and what the way back writes the rows' versions to. */
export const cutoverDdl = `create role ${APPLICATION} login;
grant select, insert, update, delete on all tables in schema public to ${APPLICATION};
grant usage on all sequences in schema public to ${APPLICATION};`;

export const cutoverSection = (primaryDatabaseUrl: string): string => `audit: { publishAllowanceSeconds: 2, tries: 10, againSeconds: 1 }
outbox: { enabled: true, pollMs: 100 }
cutover:
  windowSeconds: 3
  evaluateSeconds: 1
  gates: { shadow: { required: false } }
  primaryDatabase: { url: "${primaryDatabaseUrl}" }
  freeze: { roles: [${APPLICATION}], tables: [public.accounts, public.plans, public.subscriptions, public.invoices, public.outbox] }
  firstHop: { unpublishedQuery: "select count(*) from outbox" }
`;

/** The daemon that serves the primary: it carries back what the region writes while it is home. */
export const wayBackConfiguration = (places: {
  readonly primaryBrokers: string;
  readonly regionalBrokers: string;
  readonly primaryDatabaseUrl: string;
  readonly adminPort: number;
  readonly tokenFile: string;
  readonly schemas: string;
}): string => `region: us-east
primary:
  name: ${REGION}
  kafka: { brokers: ["${places.regionalBrokers}"] }
  registry: { directory: ${JSON.stringify(places.schemas)} }
  heartbeat: { topic: farshore.heartbeat, intervalMs: 1000 }
regional:
  kafka: { brokers: ["${places.primaryBrokers}"] }
  database: { url: "${places.primaryDatabaseUrl}" }
mirror:
  topics: ["billing.*"]
  standby: true
  refreshSeconds: 2
apply:
  schema: validate
  tables:
    - { topic: billing.accounts, version: updated_at }
    - { topic: billing.plans, version: updated_at }
    - { topic: billing.subscriptions, version: updated_at }
    - { topic: billing.invoices, version: updated_at }
admin: { listen: "127.0.0.1:${places.adminPort}", tokenFile: ${JSON.stringify(places.tokenFile)} }
`;

/** There and back, with writes on each side while it is home, and then there for good. */
export async function cutoverRun(
  demo: CutoverDemo,
  records: number,
  signal: AbortSignal,
): Promise<{ readonly passed: boolean; readonly result: CutoverResult }> {
  const startedMs = performance.now();
  const { say, primary, region } = demo;
  const play = new Play(demo, signal);
  say(`The application writes at the primary, as role ${APPLICATION}.`);
  await play.answered();
  await play.writeAt('primary', records);
  await play.ready();
  say('\nThe home moves to the region. The application goes on writing until the primary does not let it any more.');
  await play.move('start', 'region');
  await play.writeAt('region', records);
  say('\nAnd back: what the region wrote is carried to the primary before that opens.');
  await play.move('revert', 'primary');
  let { lost, extra } = await differences(primary, region);
  say(`Rows that differ now: ${lost + extra}.`);
  await play.writeAt('primary', records);
  await play.ready();
  say('\nThere again, and for good.');
  await play.move('start', 'region');
  await play.writeAt('region', records);
  await farshore(demo, ['cutover', 'complete', '--yes-region', REGION, '--by', 'demo']);
  await play.equal();
  const last = await differences(primary, region);
  lost += last.lost;
  extra += last.extra;
  const [here, there] = [await digest(region), await digest(primary)];
  const log = JSON.parse(await farshore(demo, ['cutover', 'log', '--limit', '500', '-o', 'json'], false)) as readonly CutoverLogEntry[];
  const result: CutoverResult = {
    states: statesOf(log),
    regionWrites: play.regionWrites,
    lost: lost + extra,
    dualWriters: play.dualWriters,
    digestEqual: here.digest === there.digest && here.rows > 0,
    seconds: Math.round((performance.now() - startedMs) / 100) / 10,
  };
  const passed = result.lost === 0 && result.dualWriters === 0 && result.digestEqual && result.states.at(-1) === 'completed';
  return { passed, result };
}

/** The log is told from its newest entry; a state is told once for as long as it lasts. */
const statesOf = (log: readonly CutoverLogEntry[]): readonly string[] =>
  log
    .toReversed()
    .map(({ to }) => to)
    .filter((state, index, all) => state !== all[index - 1]);

class Play {
  regionWrites = 0;
  dualWriters = 0;
  readonly #demo: CutoverDemo;
  readonly #signal: AbortSignal;
  #writer: pg.Client | undefined;

  constructor(demo: CutoverDemo, signal: AbortSignal) {
    this.#demo = demo;
    this.#signal = signal;
  }

  /** The daemon runs, and mirrors. */
  async answered(): Promise<void> {
    await this.#until('the daemon answering', () =>
      this.#plan().then(
        () => true,
        () => false,
      ),
    );
  }

  async #plan(): Promise<CutoverPlan> {
    return JSON.parse(await farshore(this.#demo, ['cutover', 'plan', '-o', 'json'], false)) as CutoverPlan;
  }

  /** Writes `changes` on the side that is home, and publishes what the primary's outbox holds. */
  async writeAt(side: 'primary' | 'region', changes: number): Promise<void> {
    const { generator, publisher } = this.#demo;
    await this.#settle(side);
    for (let written = 0; written < changes; written += CHANGES) {
      this.#signal.throwIfAborted();
      await generator.write(CHANGES);
      if (side === 'region') this.regionWrites += CHANGES;
      else await publisher.publish(1_000);
    }
    while (side === 'primary' && (await publisher.publish(1_000)) > 0) this.#signal.throwIfAborted();
    this.#demo.say(`${changes} changes written in the ${side}.`);
  }

  /** The application connects where the home is, and names its epoch in the region. */
  async #settle(side: 'primary' | 'region'): Promise<void> {
    const { generator, applicationUrl, regionUrl } = this.#demo;
    await this.#writer?.end().catch(() => undefined);
    const client = new pg.Client({ connectionString: side === 'primary' ? applicationUrl : regionUrl });
    client.on('error', () => undefined);
    await client.connect();
    this.#writer = client;
    generator.moveTo(client, side === 'region' ? (await this.#plan()).epoch : undefined);
  }

  /** A pass over all tables, and the gates open for their window. */
  async ready(): Promise<void> {
    const status = async () => (JSON.parse(await farshore(this.#demo, ['audit', 'status', '-o', 'json'], false)) as AuditStatus).tables;
    const before = new Map((await status()).map(({ table, lastPass }) => [table, lastPass?.endedAt]));
    await farshore(this.#demo, ['audit', 'run']);
    await this.#until('a pass over every table', async () =>
      (await status()).every(({ table, lastPass }) => lastPass !== null && lastPass.endedAt !== before.get(table)),
    );
    await this.#until('the region being ready', async () => (await this.#plan()).state === 'ready');
    await farshore(this.#demo, ['cutover', 'plan']);
  }

  /** With the application writing all the while on the side that is left. */
  async move(verb: 'start' | 'revert', to: 'primary' | 'region'): Promise<void> {
    const { generator, publisher, say } = this.#demo;
    let refused: string | undefined;
    const over = new AbortController();
    const writing = (async () => {
      while (refused === undefined && !over.signal.aborted) {
        try {
          await generator.write(5);
          if (to === 'primary') this.regionWrites += 5;
        } catch (error) {
          refused = error instanceof Error ? error.message : String(error);
        }
        await delay(PAUSE_MS);
      }
    })();
    // The primary's relay goes on: the drain waits until its outbox is empty.
    const relaying = (async () => {
      while (!over.signal.aborted) {
        await publisher.publish(1_000);
        await delay(PAUSE_MS);
      }
    })();
    try {
      await farshore(this.#demo, ['cutover', verb, '--yes-region', REGION, '--by', 'demo']);
      const from = to === 'region' ? 'primary' : 'region';
      await this.#until(`the ${to} being open`, async () => {
        const { open, home, state, reason } = await this.#plan();
        if (state !== 'draining' && open === from) throw new Error(`the cutover went back: ${reason}`);
        return open === to && home === to && state !== 'draining';
      });
    } finally {
      over.abort();
      await Promise.all([writing, relaying]);
    }
    say(`The ${to} is home and open. The application was told: ${refused}`);
    if (await this.#isLetIn(to === 'region' ? 'primary' : 'region')) this.dualWriters++;
  }

  /** A writer that did not hear of it. */
  async #isLetIn(side: 'primary' | 'region'): Promise<boolean> {
    const { applicationUrl, regionUrl } = this.#demo;
    const client = new pg.Client({ connectionString: side === 'primary' ? applicationUrl : regionUrl });
    client.on('error', () => undefined);
    try {
      await client.connect();
      if (side === 'region') await client.query('select farshore.assert_writer($1)', [BigInt((await this.#plan()).epoch) - 1n]);
      return true;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async equal(): Promise<void> {
    const { primary, region } = this.#demo;
    await this.#until('both sides being equal', async () => (await digest(primary)).digest === (await digest(region)).digest);
  }

  async #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const untilMs = performance.now() + LIMIT_MS;
    while (!(await holds())) {
      this.#signal.throwIfAborted();
      if (this.#demo.daemon.failure !== undefined) throw this.#demo.daemon.failure;
      if (performance.now() > untilMs) throw new Error(`${what}: not within ${LIMIT_MS / 1_000} s; ${(await this.#plan()).reason}`);
      await delay(250);
    }
  }

  async close(): Promise<void> {
    await this.#writer?.end().catch(() => undefined);
  }
}
