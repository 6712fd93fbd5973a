// Shared by the scripts here. npm packages (kafkajs, avsc, pg) are taken from the project that calls:
// PEERS_NODE_ROOT, else the current directory (or any folder above it).

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const req = createRequire(resolve(process.env.PEERS_NODE_ROOT || process.cwd(), 'package.json'));
export const npm = (name) => req(name);
export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

export function kafka(bootstrap) {
  const { Kafka, logLevel } = npm('kafkajs');
  return new Kafka({ clientId: 'peers', brokers: bootstrap.split(','), logLevel: logLevel.NOTHING, retry: { retries: 3 } });
}

/** CPU seconds and peak resident MB of a live process, from /proc */
export function proc(pid) {
  try {
    const f = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    const m = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return { cpu: (Number(f[11]) + Number(f[12])) / 100, rss: m ? Math.round(Number(m[1]) / 1024) : null };
  } catch {
    return null;
  }
}

const r1 = (x, d = 1) => (x == null || !Number.isFinite(x) ? null : Number(x.toFixed(d)));

/** Polls progress() until it says done; gives the figures every peer's line is made of.
    progress() -> number of records at the target; done(n) -> boolean. */
export async function watch({ pid, started, progress, done, every = 100, spare = 1, timeout_s = 300 }) {
  const pts = [];
  const t0 = performance.now();
  for (;;) {
    const before = performance.now();
    const n = await progress();
    const now = performance.now();
    const p = proc(pid);
    if (!p) throw new Error('the peer process ended early: see its log');
    if (n > 0) pts.push({ t: now / 1e3, n, ...p });
    if (n > 0 && done(n, now / 1e3, pts)) break;
    if (now - t0 > timeout_s * 1e3) throw new Error(`timeout with ${n} records at the target`);
    await sleep(Math.min(2000, Math.max(every, spare * (now - before)))); // spare: how many times as long to rest as a look took
  }
  return { pts, started };
}

/** total: records in the end; the last point that moved is the end. Scale: records per unit counted. */
export function figures({ pts, started }, total, rateName) {
  let e = pts.length - 1;
  while (e > 0 && pts[e - 1].n === pts[e].n) e--;
  const last = pts[e],
    first = pts[0],
    k = total / last.n;
  const at = (f) => pts.find((x) => x.n >= f * last.n);
  const a = at(0.25),
    b = at(0.95);
  const steady = b.t > a.t ? ((b.n - a.n) * k) / (b.t - a.t) : null;
  const rate = (n, s) => (s > 0.2 ? Math.round(n / s) : null);
  return {
    messages: total,
    seconds: r1(last.t - first.t, 2),
    seconds_from_start: r1(last.t - started, 2),
    [rateName]: rate((last.n - first.n) * k, last.t - first.t),
    [`${rateName}_from_start`]: rate(total, last.t - started),
    [`${rateName}_steady`]: steady && Math.round(steady),
    steady_s: r1(b.t - a.t, 2),
    cpu_s: r1(last.cpu, 1),
    cpu_s_steady: r1(b.cpu - a.cpu, 1),
    cpu_us_per_record_steady: r1(((b.cpu - a.cpu) * 1e6) / ((b.n - a.n) * k), 1),
    rss_mb: last.rss,
  };
}
