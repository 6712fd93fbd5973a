// watch-mm2.mjs: used by mm2.sh. Follows the target topic's end offsets (no consumer, so that it costs little).
import { figures, kafka, sleep, watch } from './lib.mjs';

const [bootstrap, topic, count, pid, startedMs, mode, version] = process.argv.slice(2);
const N = Number(count);
// process start on this process's performance clock
const started = performance.now() / 1e3 - (Date.now() - Number(startedMs)) / 1e3;
const k = kafka(bootstrap);
const admin = k.admin();
await admin.connect();
let there = false;
const eos = mode === 'exactly-once';
const progress = async () => {
  if (!there) {
    try {
      there = (await admin.listTopics()).includes(topic);
    } catch {
      /* not up yet */
    }
    if (!there) return 0;
  }
  try {
    return (await admin.fetchTopicOffsets(topic)).reduce((s, p) => s + Number(p.offset), 0);
  } catch {
    return 0;
  }
};
// Transaction markers take offsets too: with exactly-once the end is where the offsets have stood still for 3 s at or past COUNT
// (the figures end at the last movement), and the records are then counted by a read-committed consumer.
const done = (n, now, pts) => {
  if (n < N) return false;
  if (!eos) return true;
  let e = pts.length - 1;
  while (e > 0 && pts[e - 1].n === n) e--;
  return now - pts[e].t >= 3;
};
const w = await watch({ pid, started, progress, done });
let committed = N;
if (eos) {
  // read committed: kafkajs's default
  const ends = await admin.fetchTopicOffsets(topic);
  const c = k.consumer({ groupId: `peers-verify-${process.pid}-${Date.now()}`, maxBytesPerPartition: 8 << 20, readUncommitted: false });
  await c.connect();
  await c.subscribe({ topic, fromBeginning: true });
  committed = 0;
  let lastAt = Date.now();
  await c.run({
    eachBatchAutoResolve: true,
    eachBatch: async ({ batch }) => {
      committed += batch.messages.filter((m) => !m.isControlRecord).length;
      lastAt = Date.now();
    },
  });
  while (committed < N && Date.now() - lastAt < 15000) await sleep(100);
  await sleep(500);
  await c.disconnect();
  w.offsets = ends.reduce((s, p) => s + Number(p.offset), 0);
}
const f = figures(w, N, 'msgs_per_s');
console.log(
  JSON.stringify({
    peer: 'mirrormaker2',
    mode: mode || 'at-least-once',
    ...f,
    ...(eos ? { read_committed_records: committed, end_offsets: w.offsets } : {}),
    kafka: version,
  }),
);
await admin.disconnect();
process.exit(eos && committed !== N ? 1 : 0);
