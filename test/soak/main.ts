/**
 * `npm run soak -- [--minutes 60] [--seed N]`: one daemon, in one process, under load and random faults. Whether memory, file handles, connections and timers
 * stay flat after the warm-up, and whether every row is right at the end. Writes docs/results/soak.json, its line in docs/reliability.md, and one JSON line.
 */
import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { smallCycles } from '../faults/breaking-points.ts';
import { TrialRegion } from '../faults/region.ts';
import { seeded } from '../faults/trial.ts';
import { eventually } from '../rig/context.ts';
import { stateDirectory } from '../rig/paths.ts';
import { soakFaults } from './faults.ts';
import { keepSoak, type SoakVerdict } from './results.ts';
import { lastProbe, type Sample, type Series, sampleOf, series } from './samples.ts';
import { type Allowance, type Trend, trendOf } from './trend.ts';

const SAMPLE_MS = 5_000;
const FEED_MS = 100;
const CATCH_UP_MS = 180_000;
/** Memory is filled for minutes: compiled code, caches up to their limits. From less than this after the warm-up nothing is said of it. */
const MEMORY_SECONDS = 900;
const memory: ReadonlySet<Series> = new Set(['rssMib', 'heapMib', 'externalMib']);
const topic = 'soaked';

/** Connections come and go with what is being mended: what counts is that they do not become more and more. */
const allowances: Readonly<Record<Series, Allowance>> = {
  rssMib: { absolute: 16, share: 0.1 },
  heapMib: { absolute: 3, share: 0.06 },
  externalMib: { absolute: 8, share: 0.1 },
  fileHandles: { absolute: 3, share: 0.05 },
  brokerConnections: { absolute: 2, share: 0.05 },
  databaseConnections: { absolute: 2, share: 0.05 },
  timers: { absolute: 3, share: 0.1 },
  handles: { absolute: 3, share: 0.1 },
};

const say = (text: string): void => void process.stderr.write(`soak: ${text}\n`);

async function soak(minutes: number, seed: number): Promise<SoakVerdict> {
  const random = seeded(seed);
  const startedMs = performance.now();
  const elapsed = (): number => (performance.now() - startedMs) / 1_000;
  const folder = join(stateDirectory, 'soak');
  mkdirSync(folder, { recursive: true });
  const [probeFile, sampleFile] = [join(folder, 'probe.ndjson'), join(folder, 'samples.ndjson')];
  for (const file of [probeFile, sampleFile]) rmSync(file, { force: true });

  await using region = await TrialRegion.start({ topic, partitions: 4, keys: 5_000, mirror: smallCycles, daemon: { heartbeat: true } });
  const { primary, regional, database } = region.rig;
  const brokers = new Set([primary.port, regional.port]);
  const over = new AbortController();
  const feeding = region.feed(over.signal, FEED_MS);
  feeding.catch(() => undefined);
  await region.daemon.launch({
    NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, 'probe.ts')).href}`,
    FARSHORE_SOAK_PROBE: probeFile,
    FARSHORE_SOAK_EVERY_MS: String(SAMPLE_MS),
  });
  await eventually(async () => (await region.daemon.status()).role === 'active', { deadlineMs: 60_000, what: 'the daemon being active' });
  // A slow machine takes a while to get here: both times count from now on.
  const endSeconds = elapsed() + minutes * 60;
  const warmUpSeconds = elapsed() + Math.min(600, (minutes * 60) / 4);
  const { pid } = region.daemon;
  let ended: string | undefined;
  region.daemon.ended().then(
    ({ code, signal }) => {
      ended = `exit code ${code}, signal ${signal}`;
    },
    () => undefined,
  );

  const samples: Sample[] = [];
  const sampling = (async () => {
    while (!over.signal.aborted && ended === undefined) {
      const probe = lastProbe(probeFile);
      if (probe !== undefined) {
        const sample = sampleOf(pid, probe, elapsed(), brokers, database.port);
        samples.push(sample);
        appendFileSync(sampleFile, `${JSON.stringify(sample)}\n`);
      }
      await delay(SAMPLE_MS, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })();

  const faults = soakFaults(region, topic);
  const counts = new Map<string, number>();
  while (elapsed() < endSeconds && ended === undefined) {
    const { name, run } = faults[Math.floor(random() * faults.length)]!;
    say(`${Math.round(elapsed())} s: ${name}`);
    // A daemon that is mending itself may refuse an operator: that is a fault's effect, and the next one comes.
    await run(random).catch((error: unknown) => say(`${name}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`));
    counts.set(name, (counts.get(name) ?? 0) + 1);
    await delay(3_000 + random() * 12_000);
  }
  const aliveToTheEnd = ended === undefined;
  if (!aliveToTheEnd) say(`the daemon ended: ${ended}`);
  over.abort();
  await Promise.all([feeding, sampling]);
  for (const partition of [0, 1, 2, 3]) await region.daemon.cli(['partition', 'resume', `${topic}:${partition}`]).catch(() => undefined);
  const settled = await region.settle(CATCH_UP_MS);
  const different = await region.mirroredDifferently();
  const trends = Object.fromEntries(
    series.map((name) => [
      name,
      trendOf(
        samples.map((one) => ({ seconds: one.seconds, value: one[name] })),
        warmUpSeconds,
        allowances[name],
      ),
    ]),
  ) as Record<Series, Trend | undefined>;
  for (const name of series) if (trends[name]?.grows !== false) say(`${name}: ${JSON.stringify(trends[name] ?? 'too few samples')}`);
  const judged = await region.judge();
  const memoryJudged = endSeconds - warmUpSeconds >= MEMORY_SECONDS;
  if (!memoryJudged) say('too short to judge memory: its figures are shown only');
  const flat = series.every((name) => trends[name]?.grows === false || (memory.has(name) && !memoryJudged));
  const right = judged.lost === 0 && judged.duplicated === 0 && judged.stale === 0 && settled && different === 0;
  return {
    soak: true,
    ...{
      seed,
      minutes,
      warmUpSeconds: Math.round(warmUpSeconds),
      memoryJudged,
      samples: samples.length,
      records: region.records,
      faults: Object.fromEntries([...counts].toSorted()),
    },
    ...judged,
    ...{ settled, mirroredAlike: different === 0, aliveToTheEnd, trends },
    verdict: flat && right && aliveToTheEnd ? 'pass' : 'fail',
    seconds: Math.round(elapsed()),
  };
}

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' } } });
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
if (!(minutes >= 3) || !Number.isSafeInteger(seed)) {
  say('usage: npm run soak -- [--minutes 60] [--seed N]; less than 3 minutes proves nothing');
  process.exitCode = 2;
} else {
  const verdict = await soak(minutes, seed);
  keepSoak(verdict);
  process.stdout.write(`${JSON.stringify(verdict)}\n`);
  process.exitCode = verdict.verdict === 'pass' ? 0 : 1;
}
