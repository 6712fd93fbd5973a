import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { FAILPOINT_VARIABLE } from '../../src/daemon/failpoints.ts';
import { positionGroup } from '../../src/kafka/regional-log.ts';
import { chooseRig } from '../rig/choose.ts';
import { eventually, kafkajsFor } from '../rig/context.ts';
import { freePorts } from '../rig/ports.ts';
import { type ProxiedLink, Toxiproxy } from '../rig/toxiproxy.ts';
import { ToxiproxyMissing } from '../rig/toxiproxy-build.ts';
import { type AnswerFault, answerFaults, backlogLinks, cutOf, isSlow, type Link, type LinkFault, linkFaults, toxicsOf } from './f5-plan.ts';
import { TrialRegion } from './region.ts';
import { seeded, type Trial, TrialSkipped } from './trial.ts';

const run = promisify(execFile);
const TOPIC = 'links';
/** Written after a slow fault began, and applied while it stands. */
const MORE_RECORDS = 1_000;
/** For the first records through a link that stays slow: up to 8.4 s were measured, behind the regional one with 300 ms there and back. */
const SLOW_WITHIN_MS = 30_000;
const DEADLINE_MS = 60_000;
/** Twice the longest wait for one answer: 5 s at Kafka, 5 s and the client's 10 s beside it at the database. */
const withinMs: Readonly<Record<Link, number>> = { primary: 10_000, regional: 10_000, database: 30_000 };
const components = { primary: 'primary_kafka', regional: 'regional_kafka', database: 'regional_database' } as const;
const mirror = ['transactionTimeoutMs: 10000'];
/** About 1.8 MB: more than goes through 1 Mbit/s within a request timeout at Kafka. */
const BACKLOG_RECORDS = 32_000;

/**
 * F5: toxiproxy between the daemon and each of its servers, while records are written past it: links that are slow, that swallow what
 * is said or answered, that reset, that are gone; and a transaction's end whose answer, or which itself, is lost for certain.
 */
export const f5: Trial = async ({ seed, full, say }) => {
  const random = seeded(seed);
  await using toxiproxy = await startToxiproxy();
  const [primaryProxy = 0, primaryListener = 0, regionalProxy = 0, regionalListener = 0, databaseProxy = 0] = await freePorts(5);
  const proxies = {
    primary: await toxiproxy.proxy('primary', primaryProxy, primaryListener),
    regional: await toxiproxy.proxy('regional', regionalProxy, regionalListener),
  };
  let database: ProxiedLink | undefined;
  await using region = await TrialRegion.start({
    topic: TOPIC,
    partitions: 4,
    keys: 2_000,
    mirror,
    rig: {
      primary: { proxied: { port: primaryListener, advertisedPort: primaryProxy } },
      regional: { proxied: { port: regionalListener, advertisedPort: regionalProxy } },
    },
    through: async (direct) => {
      const url = new URL(direct.database);
      database = await toxiproxy.proxy('database', databaseProxy, Number(url.port));
      url.port = String(databaseProxy);
      return { primary: `127.0.0.1:${primaryProxy}`, regional: `127.0.0.1:${regionalProxy}`, database: url.href };
    },
    daemon: { databaseTls: 'statementTimeoutMs: 5000, lockTimeoutMs: 2000' },
  });
  if (database === undefined) throw new Error('the region asked for no address of the database');
  const trial = new LinkTrial(region, { ...proxies, database }, say, random);
  const over = new AbortController();
  const writing = region.feed(over.signal, 60);
  // Its failure is heard when it is waited for.
  writing.catch(() => undefined);
  try {
    for (const fault of answerFaults(full)) await trial.loseAnswer(fault);
    for (const fault of linkFaults(full)) await trial.hurt(fault);
  } finally {
    over.abort();
    await writing;
  }
  for (const link of backlogLinks(full)) await trial.catchUp(link);
  const settled = await region.settle(DEADLINE_MS);
  const appliedOnce = (await region.applied()) === region.records;
  const different = await region.mirroredDifferently();
  if (different > 0) say(`${different} partitions differ from home`);
  const { cases, recovered, told, lostAsMeant } = trial;
  const holds = { recovered, told, lostAsMeant, settled, appliedOnce, mirroredAlike: different === 0 };
  return { ...(await region.judge()), cases, holds };
};

async function startToxiproxy(): Promise<Toxiproxy> {
  if (chooseRig({ env: process.env, containersUsable: false }).kind === 'given') {
    throw new TrialSkipped('needs servers of its own, to put a proxy in front of');
  }
  try {
    return await Toxiproxy.start();
  } catch (error) {
    throw error instanceof ToxiproxyMissing ? new TrialSkipped(error.message) : error;
  }
}

class LinkTrial {
  readonly #region: TrialRegion;
  readonly #proxies: Readonly<Record<Link, ProxiedLink>>;
  readonly #say: (text: string) => void;
  readonly #random: () => number;
  cases = 0;
  /** Records flowed through every slow link, and soon enough again after every other fault. */
  recovered = true;
  /** Every black hole that stood long enough was told of in the status, soon enough. */
  told = true;
  /** A request whose answer was to be lost took effect, one that was itself to be lost did not. */
  lostAsMeant = true;

  constructor(region: TrialRegion, proxies: Readonly<Record<Link, ProxiedLink>>, say: (text: string) => void, random: () => number) {
    this.#region = region;
    this.#proxies = proxies;
    this.#say = say;
    this.#random = random;
  }

  async hurt({ link, fault, untilTold }: LinkFault): Promise<void> {
    const what = `${link}: ${fault}`;
    await this.#begin(link, fault);
    if (isSlow(fault)) {
      this.#recoveredAfter(`${what}: first records through it`, await this.#flows(SLOW_WITHIN_MS, MORE_RECORDS));
      await this.#hold();
      await this.#end(link, fault);
    } else {
      await this.#hold();
      if (untilTold) await this.#isTold(what, link);
      await this.#end(link, fault);
    }
    this.#recoveredAfter(what, await this.#flows(withinMs[link]));
    this.cases++;
  }

  /** A daemon that starts behind a narrow link with more waiting than the link carries within a timeout. */
  async catchUp(link: Link): Promise<void> {
    await this.#region.daemon.stop();
    await this.#region.write(BACKLOG_RECORDS, new AbortController().signal);
    await this.#begin(link, 'bandwidth');
    await this.#region.daemon.start();
    const startedMs = performance.now();
    const settled = await this.#region.settle(DEADLINE_MS);
    this.#recoveredAfter(`${link}: a backlog through 1 Mbit/s`, settled ? performance.now() - startedMs : undefined);
    await this.#end(link, 'bandwidth');
    this.cases++;
  }

  /** A daemon that stops itself at a step, is cut off there, and goes on. */
  async loseAnswer({ link, failpoint, lost, seenIn }: AnswerFault): Promise<void> {
    const { daemon } = this.#region;
    const what = `${link}: ${lost === 'both' ? 'request and answer' : lost} lost after ${failpoint}`;
    await daemon.stop();
    const nth = 2 + Math.floor(this.#random() * 5);
    await daemon.launch({ [FAILPOINT_VARIABLE]: `${failpoint}=stop@${nth}` });
    await eventually(() => isStopped(daemon.pid), { deadlineMs: DEADLINE_MS, what: `the daemon stopping at ${failpoint}` });
    await this.#begin(link, cutOf[lost]);
    const before = seenIn === undefined ? 0 : await this.#effects(seenIn);
    daemon.signal('SIGCONT');
    await this.#hold();
    if (seenIn !== undefined) {
      const arrived = (await this.#effects(seenIn)) > before;
      this.lostAsMeant &&= arrived === (lost === 'answer');
      this.#say(`${what}: ${arrived ? 'it was done' : 'it was not done'}`);
    }
    await this.#end(link, cutOf[lost]);
    this.#recoveredAfter(what, await this.#flows(withinMs[link]));
    this.cases++;
  }

  async #begin(link: Link, fault: LinkFault['fault']): Promise<void> {
    if (fault === 'down') await this.#proxies[link].down();
    for (const [toxic, direction] of toxicsOf[fault]) await this.#proxies[link].add(toxic, direction);
  }

  async #end(link: Link, fault: LinkFault['fault']): Promise<void> {
    if (fault === 'down') await this.#proxies[link].up();
    await this.#proxies[link].removeToxics();
  }

  /** How long a fault stands. */
  #hold(): Promise<void> {
    return delay(1_000 + Math.floor(this.#random() * 1_500));
  }

  /** Milliseconds until all that was written before now, and `more`, is applied; undefined: too many. */
  async #flows(deadlineMs: number, more = 0): Promise<number | undefined> {
    const startedMs = performance.now();
    const target = this.#region.records + more;
    const within = { deadlineMs, what: `${target} records being applied` };
    return await eventually(async () => (await this.#region.applied()) >= target, within).then(
      () => performance.now() - startedMs,
      () => undefined,
    );
  }

  #recoveredAfter(what: string, tookMs: number | undefined): void {
    this.recovered &&= tookMs !== undefined;
    this.#say(`${what}, ${tookMs === undefined ? 'NOT in time' : `${(tookMs / 1_000).toFixed(1)} s`}`);
  }

  /** What the server has done, asked past the proxy. */
  async #effects(seenIn: 'positions' | 'rows'): Promise<number> {
    if (seenIn === 'rows') return await this.#region.applied();
    const admin = kafkajsFor(this.#region.rig.regional.bootstrap).admin();
    await admin.connect();
    try {
      const [topic] = await admin.fetchOffsets({ groupId: positionGroup('trial', 'us-east'), topics: [TOPIC] });
      return (topic?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
    } finally {
      await admin.disconnect();
    }
  }

  async #isTold(what: string, link: Link): Promise<void> {
    const startedMs = performance.now();
    const isTold = async (): Promise<boolean> =>
      (await this.#region.daemon.status()).components.some(({ component, up }) => component === components[link] && !up);
    const told = await eventually(isTold, { deadlineMs: withinMs[link] }).then(
      () => true,
      () => false,
    );
    this.told &&= told;
    this.#say(`${what}: ${told ? 'told' : 'NOT told'} after ${((performance.now() - startedMs) / 1_000).toFixed(1)} s more`);
  }
}

async function isStopped(pid: number): Promise<boolean> {
  const { stdout } = await run('ps', ['-o', 'stat=', '-p', String(pid)]);
  return stdout.trim().startsWith('T');
}
