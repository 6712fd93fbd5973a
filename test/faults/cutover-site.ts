import { randomBytes } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditStatus } from '../../src/model/audit.ts';
import type { CutoverPlan } from '../../src/model/cutover.ts';
import { eventually } from '../rig/context.ts';
import type { Rig } from '../rig/rig.ts';
import { ROW_SCHEMA_ID, TestDaemon } from '../scenario/daemon.ts';
import { TABLE, WrittenPrimary } from './written-primary.ts';

const PARTITIONS = 3;
/** Rows that the application writes, over and over. */
export const KEYS = 60;
export const DEADLINE_MS = 120_000;
const POLL_MS = 200;
/** A move that stands this long neither moving nor killed has come to its end: between a command and its first step it stands for a moment. */
const ENDED_FOR_MS = 5_000;

/** One region that takes over and gives back, time and again. */
export class CutoverSite implements AsyncDisposable {
  readonly primary: WrittenPrimary;
  readonly daemon: TestDaemon;
  readonly region: string;
  readonly topic: string;
  /** Where the daemon that runs will be killed in its next move; undefined: nowhere, or it is not known. */
  armed: string | undefined;

  /** The daemon that serves the primary; undefined where nothing is to come back. */
  readonly back: TestDaemon | undefined;

  private constructor(primary: WrittenPrimary, daemon: TestDaemon, back: TestDaemon | undefined, region: string, topic: string) {
    this.primary = primary;
    this.daemon = daemon;
    this.back = back;
    this.region = region;
    this.topic = topic;
  }

  static async start(rig: Rig, wayBack: boolean): Promise<CutoverSite> {
    const suffix = randomBytes(4).toString('hex');
    const [topic, region, role] = [`orders.${suffix}`, `region-${suffix}`, `app_${suffix}`];
    const homeUrl = await rig.database.createDatabase(`home_${suffix}`);
    const regionUrl = await rig.database.createDatabase(`region_${suffix}`);
    const { bootstrap } = rig.primary;
    const primary = await WrittenPrimary.start({ bootstrap, homeUrl, regionUrl, topic, partitions: PARTITIONS, keys: KEYS, role });
    const tables = [`{ topic: ${topic}, table: ${TABLE}, version: version }`];
    const daemon = await TestDaemon.create({
      primary: bootstrap,
      regional: rig.regional.bootstrap,
      database: regionUrl,
      primaryDatabase: homeUrl,
      primaryName: `home-${suffix}`,
      region,
      topics: [topic],
      tables,
      heartbeat: true,
      extra: [
        'outbox: { enabled: true, pollMs: 200 }',
        'audit: { publishAllowanceSeconds: 1, againSeconds: 0.5, tries: 8 }',
        'cutover:',
        '  windowSeconds: 1',
        '  evaluateSeconds: 1',
        '  stepSeconds: 20',
        `  gates: { shadow: { required: false }, reversePath: { required: ${wayBack} }, lag: { maxSeconds: 20 } }`,
        `  primaryDatabase: { url: "${homeUrl}" }`,
        `  freeze: { roles: [${role}], tables: [${TABLE}, public.outbox] }`,
        '  firstHop: { unpublishedQuery: "select count(*) from public.outbox where not published", quietSeconds: 2 }',
      ],
    });
    const back = !wayBack
      ? undefined
      : await TestDaemon.create({
          primary: rig.regional.bootstrap,
          regional: bootstrap,
          database: homeUrl,
          primaryName: region,
          region: `home-${suffix}`,
          topics: [topic],
          tables,
          heartbeat: true,
          mirror: ['standby: true'],
          extra: ['audit: { enabled: false }'],
        });
    for (const one of back === undefined ? [daemon] : [daemon, back]) {
      const schemas = join(one.folder, 'schemas');
      await mkdir(join(schemas, `${topic}-value`));
      await rename(join(schemas, `${ROW_SCHEMA_ID}.avsc`), join(schemas, `${topic}-value`, '1.avsc'));
      await writeFile(join(schemas, 'ids.json'), JSON.stringify({ [`${topic}-value/1`]: ROW_SCHEMA_ID }));
    }
    await back?.start();
    return new CutoverSite(primary, daemon, back, region, topic);
  }

  async run(env: Readonly<Record<string, string>>): Promise<void> {
    await this.daemon.launch(env);
    await eventually(async () => (await this.daemon.status()).role === 'active', { deadlineMs: 60_000, what: 'the daemon being active' });
  }

  async #get<T>(path: string): Promise<T> {
    return (await (await fetch(`${this.daemon.url}${path}`, { signal: AbortSignal.timeout(10_000) })).json()) as T;
  }

  /** What the CLI sends, without the process: of a move's CPU the starts of Node are the most. */
  async #post(path: string, body: unknown): Promise<string> {
    const answer = await fetch(`${this.daemon.url}${path}`, {
      method: 'POST',
      headers: { authorization: 'Bearer scenario-token', 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(40_000),
    });
    const said = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${said}`);
    return said;
  }

  async until(what: string, holds: (now: CutoverPlan) => boolean): Promise<CutoverPlan> {
    return await eventually(
      async () => {
        const now = await this.#get<CutoverPlan>('/api/cutover');
        if (holds(now)) return now;
        const shut = now.measured?.gates.filter(({ open }) => !open).map(({ gate, reason }) => `${gate}: ${reason}`) ?? [];
        throw new Error(`${now.state}, open ${now.open}, home ${now.home}: ${now.reason}; ${shut.join('; ')}`);
      },
      { what, deadlineMs: DEADLINE_MS, everyMs: POLL_MS },
    );
  }

  async ready(): Promise<void> {
    const table = async () => (await this.#get<AuditStatus>('/api/audit')).tables[0];
    const endedAt = async () => (await table())?.lastPass?.endedAt ?? null;
    const giveUpMs = performance.now() + DEADLINE_MS;
    for (let coverage: number | undefined = 0; coverage !== 1 && performance.now() < giveUpMs; coverage = (await table())?.coverage) {
      // Beside the start of everything else, rows are written more often than the region follows: then all of them are unsettled, and a pass is asked for again.
      const before = await endedAt();
      await this.#post('/api/audit/run', { by: 'ada' });
      await eventually(async () => (await endedAt()) !== before, { deadlineMs: DEADLINE_MS, what: 'a pass' });
    }
    await this.until('being ready', ({ state }) => state === 'ready');
  }

  /** False where both were refused, since a gate shut a moment before; a daemon that does not answer was killed under them. */
  async hasBegun(): Promise<boolean> {
    return await this.#get<CutoverPlan>('/api/cutover').then(moving, () => true);
  }

  /**
   * Whether the daemon was killed at its failpoint; false: the move came to its end, or went back, by another way. Each ends the wait: a daemon
   * that stands where it was not killed would be waited for for ever.
   */
  async wasKilled(place: string): Promise<boolean> {
    let hasEnded = false;
    void this.daemon.ended().then(() => {
      hasEnded = true;
    });
    let standsSinceMs: number | undefined;
    const outcome = await eventually(
      async () => {
        if (hasEnded) return 'killed';
        const plan = await this.#get<CutoverPlan>('/api/cutover');
        if (plan.open === 'nobody' || moving(plan)) standsSinceMs = undefined;
        else standsSinceMs ??= performance.now();
        if (standsSinceMs !== undefined && performance.now() - standsSinceMs > ENDED_FOR_MS) return 'stands';
        throw new Error(`${plan.state}, open ${plan.open}: ${plan.reason}`);
      },
      { what: `the daemon being killed at ${place}, or the move ending`, deadlineMs: DEADLINE_MS, everyMs: POLL_MS },
    );
    return outcome === 'killed';
  }

  async verb(name: string, by: string, more: readonly string[] = []): Promise<string> {
    return await this.daemon.cli(['cutover', name, '--yes-region', this.region, '--by', by, ...more]);
  }

  /** The same as an operator's own program sends it. */
  async verbByApi(name: string, by: string): Promise<string> {
    return await this.#post(`/api/cutover/${name}`, { region: this.region, by });
  }

  /** In every moment at most one; read apart, so that a move between the two reads is looked at again. */
  async openInBoth(): Promise<boolean> {
    for (let times = 0; times < 3; times++) if (!((await this.primary.homeIsOpen()) && (await this.primary.regionIsOpen()))) return false;
    return true;
  }

  /** Into the folder that `FARSHORE_TRIAL_LOGS` names: what the daemons said goes with them otherwise. */
  async #keepLogs(): Promise<void> {
    const parent = process.env.FARSHORE_TRIAL_LOGS;
    if (parent === undefined) return;
    const folder = join(parent, this.region);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'daemon.log'), await this.daemon.log());
    if (this.back !== undefined) await writeFile(join(folder, 'back.log'), await this.back.log());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keepLogs();
    await this.daemon[Symbol.asyncDispose]();
    await this.back?.[Symbol.asyncDispose]();
    await this.primary[Symbol.asyncDispose]();
  }
}

/** On its way: nobody may be taken for open yet. */
export const moving = (plan: CutoverPlan): boolean => plan.steps.some(({ state }) => state === 'started') || plan.state === 'draining';
