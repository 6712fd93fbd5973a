import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { startMirrorListener } from '../../src/http/mirror-listener.ts';
import { ShadowTargets, type TargetSettings } from '../../src/http/shadow-targets.ts';
import { systemClock } from '../../src/model/clock.ts';
import { compareLimits } from '../../src/shadow/difference.ts';
import { Intake, noiseProbe } from '../../src/shadow/intake.ts';
import { Redactor } from '../../src/shadow/redact.ts';
import { BoundedQueue } from '../../src/shadow/request-queue.ts';
import { RuleBook } from '../../src/shadow/rules.ts';
import { Scoreboard } from '../../src/shadow/scoreboard.ts';
import { ShadowStage } from '../../src/shadow/shadow-stage.ts';
import { line } from './line.ts';
import type { BenchRun } from './options.ts';

const ROUTE = 'GET /orders/{id}';
const CONCURRENCY = 16;

/**
 * P13 as a whole: requests mirrored over HTTP, each asked of the region once and of the primary twice, and compared. Services and
 * web server are another process; what counts is the processor time of this one, which is what one core would have done in that time.
 */
export async function benchShadow({ records, runs, say, emit }: BenchRun): Promise<void> {
  const rates: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const { perCoreSecond, perSecond } = await compareAll(records);
    say(`run ${run + 1}: ${Math.round(perCoreSecond)} requests a second of one core's time, ${Math.round(perSecond)} by the clock`);
    rates.push(perCoreSecond);
  }
  emit(line('shadow', { case: '2k', unit: 'requests/core-s' }, rates, undefined, { target: 'P13', kind: 'at_least', ratio: 500 }));
}

async function compareAll(requests: number): Promise<{ readonly perCoreSecond: number; readonly perSecond: number }> {
  const world = spawn(process.execPath, [join(import.meta.dirname, 'shadow-world.ts')], { stdio: ['pipe', 'pipe', 'inherit'] });
  await using _world = {
    [Symbol.asyncDispose]: async () => {
      world.kill('SIGKILL');
      if (world.exitCode === null && world.signalCode === null) await once(world, 'exit');
    },
  };
  const [said] = (await once(world.stdout, 'data')) as [Buffer];
  const target: TargetSettings = {
    ...{ origin: `http://127.0.0.1:${Number(said.toString())}`, host: undefined, allowInside: false, ca: undefined },
    ...{ authorization: () => undefined, cookie: () => undefined },
  };
  const clock = systemClock;
  const asking = new ShadowTargets(
    { primary: target, region: target },
    {
      ...{ timeoutMs: 5_000, concurrency: CONCURRENCY, maxAnswerBytes: 1_048_576, breakerResetMs: 10_000 },
      headers: { set: new Map(), drop: new Set() },
    },
    { nowMs: () => clock.monotonicMs(), onBreaker: () => undefined },
  );
  using _asking = { [Symbol.dispose]: () => asking.close() };
  const queue = new BoundedQueue({ requests: requests + 1, bytes: 1 << 30 });
  const nothing = (): void => undefined;
  const intake = new Intake(
    { sample: 1, sampleBy: undefined, maxPerSecond: 100_000, maxLoad: 1, maxBodyBytes: 262_144, safe: [] },
    queue,
    { taken: nothing, shed: nothing, skipped: nothing },
    clock,
  );
  intake.open = true;
  const done = Promise.withResolvers<void>();
  let compared = 0;
  const observe: ConstructorParameters<typeof Scoreboard>[3] = (event) => {
    if (event.type === 'shadow_compared' && ++compared === requests) done.resolve();
    if (event.type === 'shadow_compared' && event.result !== 'match') done.reject(new Error(`a request came to ${event.result}`));
  };
  const scores = new Scoreboard(
    {
      ...{ routes: [ROUTE], otherRoutes: 0, windowHours: 24, retentionDays: 1, keepSamples: false },
      noise: { minSamples: 50, relative: 0.2, absolute: 0.0003 },
    },
    new Redactor({ keep: false, redact: [], hmac: [], maxBytes: 1_024 }, Buffer.alloc(32)),
    clock,
    observe,
  );
  const ignored = {
    ...{ route: undefined, path: 'updatedAt', ignore: true, round: undefined, withinMs: undefined, lowerCase: false },
    ...{ unordered: false, unorderedBy: undefined, replace: undefined },
  };
  const stage = new ShadowStage(
    {
      ...{ headers: ['content-type'], limits: compareLimits, concurrency: CONCURRENCY },
      confirm: { waitsMs: [1_000], longestMs: 1_000, publishAllowanceMs: 1_000, times: 2, waiting: 256 },
    },
    {
      ...{ queue, asking, scores, clock, observe, probe: noiseProbe(1), rules: new RuleBook([ignored]), lagMs: () => undefined },
      passing: { passed: async () => 'passed' },
      store: { load: async () => ({ hours: [], fields: [] }), save: async () => undefined },
    },
  );
  const listener = await startMirrorListener(intake, {
    ...{ host: '127.0.0.1', port: 0, originalUri: false, maxBodyBytes: 262_144, wallMs: () => clock.wallMs() },
  });
  const stop = new AbortController();
  const running = stage.run(stop.signal);
  const [startMs, startCpu] = [performance.now(), process.cpuUsage()];
  world.stdin.write(`${listener.port} ${requests}\n`);
  await done.promise;
  const cpu = process.cpuUsage(startCpu);
  const seconds = (performance.now() - startMs) / 1_000;
  stop.abort();
  await running;
  await listener.close(0);
  return { perCoreSecond: requests / ((cpu.user + cpu.system) / 1e6), perSecond: requests / seconds };
}
