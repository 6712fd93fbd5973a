import { describe, expect, it } from 'vitest';
import { beatOf, type Notice, noticeOf, serviceText } from '../../../src/daemon/service-notices.ts';
import { ServiceNotifier } from '../../../src/daemon/service-notifier.ts';
import { status } from '../cli/fixtures.ts';
import { TestClock } from '../lag/test-clock.ts';

const ok = { ok: true, checks: [] };
const hangs = { ok: false, checks: [{ name: 'mirror', ok: false, detail: 'last turn 130 s ago' }] };
const starting = { ok: false, checks: [] };

describe('what systemd is told', () => {
  it('feeds the watchdog only while every loop makes progress', () => {
    expect(noticeOf({ startup: ok, liveness: ok, text: 'active' }, { ready: true }, 1_000)).toEqual(['STATUS=active', 'WATCHDOG=1']);
    expect(noticeOf({ startup: ok, liveness: hangs, text: 'active' }, { ready: true }, 1_000)).toEqual([
      'STATUS=active, not live: mirror last turn 130 s ago',
    ]);
  });

  it('gives a start more time while a dependency is down, and none to one that hangs', () => {
    expect(noticeOf({ startup: starting, liveness: ok, text: 'starting' }, { ready: false }, 1_000)).toEqual([
      'EXTEND_TIMEOUT_USEC=6000000',
      'STATUS=starting',
    ]);
    expect(noticeOf({ startup: starting, liveness: hangs, text: 'starting' }, { ready: false }, 1_000)).toHaveLength(1);
  });

  it('speaks three times within the limit of a watchdog that is for this process', () => {
    expect(beatOf({ WATCHDOG_USEC: '30000000' }, 7)).toBe(10_000);
    expect(beatOf({ WATCHDOG_USEC: '3000000', WATCHDOG_PID: '7' }, 7)).toBe(1_000);
    expect(beatOf({ WATCHDOG_USEC: '3000000', WATCHDOG_PID: '8' }, 7)).toBe(10_000);
    expect(beatOf({}, 7)).toBe(10_000);
  });

  it('is one line, with what is down and what is not known', () => {
    expect(serviceText(status)).toBe('active, 2 partitions, 1 stopped, lag unknown, primary_kafka down: no broker answered');
    expect(serviceText({ ...status, role: 'standby', components: [{ component: 'registry', up: false, reason: 'a\nREADY=1' }] })).toBe(
      'standby, registry down: a READY=1',
    );
  });
});

describe('the notifier', () => {
  const notifier = (env: Record<string, string>, sent: Notice[], clock: TestClock, view: { startup: boolean; live: boolean }) =>
    new ServiceNotifier({
      env,
      clock,
      logger: { warn: () => undefined },
      view: () => ({ startup: view.startup ? ok : starting, liveness: view.live ? ok : hangs, text: 'active' }),
      send: async (notice) => {
        sent.push(notice);
      },
    });

  it('says READY as soon as the start is over, then beats, then STOPPING', async () => {
    const sent: Notice[] = [];
    const clock = new TestClock();
    const view = { startup: false, live: true };
    const stop = new AbortController();
    const running = notifier({ NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '30000000' }, sent, clock, view).run(stop.signal);
    await clock.advance(1_000);
    expect(sent.map(([first]) => first)).toEqual(['EXTEND_TIMEOUT_USEC=60000000']);
    view.startup = true;
    await clock.advance(250);
    expect(sent.at(-1)).toEqual(['READY=1', 'STATUS=active', 'WATCHDOG=1']);
    await clock.advance(10_000);
    expect(sent.at(-1)).toEqual(['STATUS=active', 'WATCHDOG=1']);
    view.live = false;
    const before = sent.length;
    await clock.advance(30_000);
    expect(
      sent
        .slice(before)
        .flat()
        .filter((line) => line.startsWith('WATCHDOG')),
    ).toEqual([]);
    expect(sent.length).toBe(before + 3);
    stop.abort();
    await running;
    expect(sent.at(-1)?.[0]).toBe('STOPPING=1');
  });

  it('puts a reload between RELOADING and READY', async () => {
    const sent: Notice[] = [];
    const clock = new TestClock();
    const stop = new AbortController();
    const told = notifier({ NOTIFY_SOCKET: '/run/x' }, sent, clock, { startup: true, live: true });
    const running = told.run(stop.signal);
    await clock.advance(1);
    const beganUs = process.hrtime.bigint() / 1_000n;
    told.reloading(() => undefined);
    await clock.advance(1);
    const [reloading, ready] = sent.slice(-2);
    expect([reloading?.[0], ready?.[0]]).toEqual(['RELOADING=1', 'READY=1']);
    const toldUs = BigInt(reloading?.[1]?.replace('MONOTONIC_USEC=', '') ?? '0');
    expect(toldUs).toBeGreaterThanOrEqual(beganUs);
    expect(toldUs).toBeLessThan(beganUs + 10_000_000n);
    stop.abort();
    await running;
  });

  it('starts nothing without NOTIFY_SOCKET, and still reloads', async () => {
    const sent: Notice[] = [];
    const told = notifier({}, sent, new TestClock(), { startup: true, live: true });
    await told.run(new AbortController().signal);
    let reloads = 0;
    told.reloading(() => reloads++);
    expect([sent, reloads]).toEqual([[], 1]);
  });
});
