import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Rig } from '../../test/rig/rig.ts';
import { BenchDaemon } from './daemon.ts';
import { type BenchLine, line } from './line.ts';
import type { BenchRun } from './options.ts';
import { fetchPeers, mirrorMaker, type PeerFigures } from './peer.ts';
import { cpuSeconds, type Figures, steady, watch } from './samples.ts';
import { benchServers } from './servers.ts';
import { createTopic, deleteTopic, loadPlain, outside, topicEnd } from './topics.ts';

const LARGE_BYTES = 400_000;
/** The Java producer's default. */
const SMALL_BYTES = 16_384;
const WITHIN_SECONDS = 300;

const cases = [
  { name: 'large', batchBytes: LARGE_BYTES, rate: 5, cpu: 1 / 6 },
  { name: '16k', batchBytes: SMALL_BYTES, rate: 3, cpu: 1 / 4 },
] as const;
const codecs = ['zstd', 'lz4', 'snappy', 'gzip'] as const;

/** What the process takes that copies, and what the brokers take for it. */
export interface CopyFigures extends Figures {
  readonly regionalBrokerMicros: number;
  readonly primaryBrokerMicros: number;
}

/** Follows the topic's end at the target while `pid` copies. */
async function copied(rig: Rig, topic: string, pid: number, records: number): Promise<CopyFigures> {
  const admin = outside(rig.regional.bootstrap).admin();
  await admin.connect();
  try {
    const brokers = () => [rig.regional, rig.primary].map((broker) => cpuSeconds(broker.pid));
    const before = { cpu: brokers(), records: await topicEnd(admin, topic) };
    const figures = steady(await watch(pid, () => topicEnd(admin, topic), records, WITHIN_SECONDS), records);
    const [regional, primary] = brokers().map((cpu, i) => ((cpu - before.cpu[i]!) * 1e6) / (records - before.records));
    return { ...figures, regionalBrokerMicros: regional!, primaryBrokerMicros: primary! };
  } finally {
    await admin.disconnect();
  }
}

/** The daemon mirrors the topic from its start, exactly once; nothing is applied. */
export async function mirrorAlone(rig: Rig, topic: string, records: number): Promise<CopyFigures> {
  await deleteTopic(rig.regional.bootstrap, topic);
  const region = `bench${Date.now().toString(36)}`;
  const database = await rig.database.createDatabase(region);
  await using daemon = await BenchDaemon.create({ rig, database, region, topics: [topic] });
  await daemon.start();
  return await copied(rig, topic, daemon.pid, records);
}

export async function withoutTransactions(rig: Rig, topic: string, records: number): Promise<CopyFigures> {
  await deleteTopic(rig.regional.bootstrap, topic);
  await createTopic(rig.regional.bootstrap, topic);
  const args = ['--from', rig.primary.bootstrap, '--to', rig.regional.bootstrap, '--topic', topic, '--records', String(records)];
  const child = spawn(process.execPath, [join(import.meta.dirname, 'raw-copy.ts'), ...args], { stdio: ['pipe', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  // It stays until its input ends: gone, it would have no CPU time to read, and a fast machine copies the last 3 % between two looks.
  const figures = await copied(rig, topic, child.pid ?? 0, records);
  child.stdin.end();
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`the copy without transactions ended with ${code}`);
  return figures;
}

/** P1, P2 and P4 for both batch sizes, P3 for each codec. Contenders take turns on the same servers. */
export async function benchMirror({ records, runs, only, say, emit }: BenchRun): Promise<void> {
  await fetchPeers(say);
  await using rig = await benchServers();
  const lines = async (what: string, make: () => Promise<readonly BenchLine[]>) => {
    if (only !== undefined && only !== what) return;
    for (const one of await make()) emit(one);
  };
  let plain: readonly number[] | undefined;
  for (const { name, batchBytes, rate, cpu } of cases) {
    await lines(name, async () => {
      const topic = `plain.${name}`;
      say(`loading ${records} records in batches of about ${batchBytes} bytes`);
      await loadPlain({ bootstrap: rig.primary.bootstrap, topic, records, batchBytes, codec: 'none' });
      const mine: CopyFigures[] = [];
      const theirs: PeerFigures[] = [];
      const bare: CopyFigures[] = [];
      // One unmeasured run of each side's brokers: a cold broker is half as fast, and whoever came first would pay for it.
      await mirrorAlone(rig, topic, records);
      for (let n = 1; n <= runs; n++) {
        theirs.push(await mirrorMaker(rig.primary.bootstrap, rig.regional.bootstrap, topic, records));
        mine.push(await mirrorAlone(rig, topic, records));
        bare.push(await withoutTransactions(rig, topic, records));
        say(
          `${name} ${n}/${runs}: ${text(mine.at(-1)!)}; ${theirs[0]!.version} ${text(theirs.at(-1)!)}; without transactions ${text(bare.at(-1)!)}`,
        );
      }
      if (name === 'large') plain = mine.map(({ recordsPerSecond }) => recordsPerSecond);
      const rates = mine.map(({ recordsPerSecond }) => recordsPerSecond);
      const what = { case: name, unit: 'records/s' };
      return [
        line(
          'mirror',
          what,
          rates,
          theirs.map((one) => one.recordsPerSecond),
          { target: 'P1', kind: 'at_least', ratio: rate },
        ),
        line(
          'mirror',
          { case: name, unit: 'cpu_us/record' },
          mine.map((one) => one.cpuMicrosPerRecord),
          theirs.map((one) => one.cpuMicrosPerRecord),
          { target: 'P2', kind: 'at_most', ratio: cpu },
        ),
        line(
          'mirror',
          what,
          rates,
          bare.map((one) => one.recordsPerSecond),
          { target: 'P4', kind: 'at_least', ratio: 0.7 },
        ),
        brokerLine(name, mine, bare),
      ];
    });
  }
  for (const codec of codecs) {
    await lines(codec, async () => {
      const topic = `plain.${codec}`;
      await loadPlain({ bootstrap: rig.primary.bootstrap, topic, records, batchBytes: LARGE_BYTES, codec });
      const [packed, unpacked, bare]: [number[], number[], number[]] = [[], [], []];
      const [mine, copies]: [CopyFigures[], CopyFigures[]] = [[], []];
      for (let n = 1; n <= runs; n++) {
        mine.push(await mirrorAlone(rig, topic, records));
        packed.push(mine.at(-1)!.recordsPerSecond);
        if (plain !== undefined) unpacked.push((await mirrorAlone(rig, 'plain.large', records)).recordsPerSecond);
        // What the region's broker takes of this codec at most: it opens every compressed batch to validate it.
        copies.push(await withoutTransactions(rig, topic, records));
        bare.push(copies.at(-1)!.recordsPerSecond);
      }
      say(
        `${codec}: ${packed.map(Math.round).join(', ')} records/s, uncompressed beside it ${unpacked.map(Math.round).join(', ')}, raw copy of the same ${bare.map(Math.round).join(', ')}`,
      );
      const what = { case: codec, unit: 'records/s' };
      return [
        ...(unpacked.length === 0 ? [] : [line('mirror', what, packed, unpacked, { target: 'P3', kind: 'at_least', ratio: 1 })]),
        line('mirror', what, packed, bare, { target: 'P4', kind: 'at_least', ratio: 0.7 }),
        brokerLine(codec, mine, copies),
      ];
    });
  }
}

/** No target: what the region's broker spends a record, which neither side can save. */
function brokerLine(name: string, mine: readonly CopyFigures[], bare: readonly CopyFigures[]): BenchLine {
  const [ours, peer] = [mine, bare].map((side) => side.map(({ regionalBrokerMicros }) => regionalBrokerMicros));
  return line('mirror', { case: `${name}, broker`, unit: 'cpu_us/record' }, ours!, peer, {
    target: 'cost',
    kind: 'at_most',
    ratio: 1 / 0.7,
  });
}

const text = ({ recordsPerSecond, cpuMicrosPerRecord }: Pick<Figures, 'recordsPerSecond' | 'cpuMicrosPerRecord'>): string =>
  `${Math.round(recordsPerSecond)} records/s at ${cpuMicrosPerRecord.toFixed(2)} µs`;
