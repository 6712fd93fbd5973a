import { createDatabaseAt } from '../../test/rig/postgres.ts';
import type { Rig } from '../../test/rig/rig.ts';
import { copyRowsPerSecond, copyText } from './copy-limit.ts';
import { BenchDaemon } from './daemon.ts';
import { row } from './data.ts';
import { appliedRecords, table, withDatabase } from './database.ts';
import { line } from './line.ts';
import type { BenchRun } from './options.ts';
import { fetchPeers, jdbcSink, type PeerFigures, type SinkMode } from './peer.ts';
import { type Figures, familyCpuSeconds, steady, watch } from './samples.ts';
import { benchServers } from './servers.ts';
import { deleteTopic, loadRows } from './topics.ts';

const WITHIN_SECONDS = 300;
const HOT_KEYS = 50_000;
const HOT_IN_BATCH = 10;
/** The same records as parts of rows: a null would leave its column as it is. */
const inParts = `${table}, partial: { nulls: absent }`;
const sinks: readonly SinkMode[] = ['row-wise', 'unnest'];

/** What the daemon takes, and what the database takes for the same records: sessions, writer and checkpoints together. */
export interface ApplyFigures extends Figures {
  readonly databaseMicrosPerRecord: number;
}

/**
 * Apply alone: first the daemon mirrors the topic without a table for it, then it is started again with one. What it
 * does from there on is apply, and idle mirroring.
 */
export const applyAlone = (rig: Rig, topic: string, records: number, entry = table): Promise<ApplyFigures> =>
  withDatabase(rig, async (database, client) => {
    if (entry === inParts) await client.query(`alter table ${table} add column farshore_units jsonb`);
    await deleteTopic(rig.regional.bootstrap, topic);
    const region = `bench${Date.now().toString(36)}`;
    await using daemon = await BenchDaemon.create({ rig, database, region, topics: [topic] });
    await daemon.start({});
    await daemon.until(async () => {
      const { partitions } = await daemon.status();
      return partitions.filter((p) => p.topic === topic).reduce((sum, p) => sum + Number(p.mirror?.next ?? 0), 0) >= records;
    });
    await daemon.stop();
    await daemon.start({ [topic]: entry });
    const before = { cpuSeconds: familyCpuSeconds(rig.database.pid), records: await appliedRecords(client, topic) };
    const samples = await watch(daemon.pid, () => appliedRecords(client, topic), records, WITHIN_SECONDS);
    const databaseSeconds = familyCpuSeconds(rig.database.pid) - before.cpuSeconds;
    return { ...steady(samples, records), databaseMicrosPerRecord: (databaseSeconds * 1e6) / (records - before.records) };
  });

const limit = (rig: Rig, text: Buffer, rows: number) =>
  withDatabase(rig, async (database, client) => {
    await client.query('alter table public.rows drop column farshore_version');
    const before = familyCpuSeconds(rig.database.pid);
    const rowsPerSecond = await copyRowsPerSecond(database, table, text, rows);
    return { rowsPerSecond, databaseMicrosPerRecord: ((familyCpuSeconds(rig.database.pid) - before) * 1e6) / rows };
  });

/** P5 against COPY, P6 against the JDBC sink in both modes, P6b over hot keys. Contenders take turns on the same servers. */
export async function benchApply({ records, runs, only, say, emit }: BenchRun): Promise<void> {
  await fetchPeers(say);
  await using rig = await benchServers();
  const wanted = (name: string) => only === undefined || only === name;
  say(`loading ${records} rows`);
  const [topic, hot] = ['bench.rows', 'bench.hot'];
  await loadRows(rig.primary.bootstrap, topic, records);
  const text = Buffer.from(Array.from({ length: records }, (_, i) => copyText(row(i + 1))).join(''));
  const mine: ApplyFigures[] = [];
  const copies: Awaited<ReturnType<typeof limit>>[] = [];
  const theirs: Readonly<Record<SinkMode, PeerFigures[]>> = { 'row-wise': [], unnest: [] };
  const folded: number[] = [];
  const parts: number[] = [];
  const foldedParts: number[] = [];
  await applyAlone(rig, topic, records);
  if (wanted('hot') || wanted('partial')) await loadRows(rig.primary.bootstrap, hot, records, HOT_KEYS, HOT_IN_BATCH);
  for (let n = 1; n <= runs; n++) {
    mine.push(await applyAlone(rig, topic, records));
    say(`apply ${n}/${runs}: ${said(mine.at(-1)!)}, the database ${mine.at(-1)!.databaseMicrosPerRecord.toFixed(2)} µs`);
    if (wanted('copy')) copies.push(await limit(rig, text, records));
    for (const mode of sinks) {
      if (!wanted(mode)) continue;
      const database = await createDatabaseAt(rig.database.url, `sink${Date.now().toString(36)}`);
      const url = new URL(database);
      url.password ||= 'unused';
      theirs[mode].push(await jdbcSink(rig.primary.bootstrap, topic, records, url.href, mode));
      say(`${mode} ${n}/${runs}: ${said(theirs[mode].at(-1)!)}`);
    }
    if (wanted('hot') || wanted('partial')) folded.push((await applyAlone(rig, hot, records)).recordsPerSecond);
    if (wanted('partial')) {
      parts.push((await applyAlone(rig, topic, records, inParts)).recordsPerSecond);
      foldedParts.push((await applyAlone(rig, hot, records, inParts)).recordsPerSecond);
      say(`in parts ${n}/${runs}: ${Math.round(parts.at(-1)!)} rows/s; hot keys ${Math.round(foldedParts.at(-1)!)} records/s`);
    }
    say(`COPY ${n}/${runs}: ${Math.round(copies.at(-1)?.rowsPerSecond ?? 0)} rows/s; hot keys ${Math.round(folded.at(-1) ?? 0)} records/s`);
  }
  const rates = mine.map(({ recordsPerSecond }) => recordsPerSecond);
  if (copies.length > 0) {
    const limits = copies.map(({ rowsPerSecond }) => rowsPerSecond);
    emit(line('apply', { case: 'copy', unit: 'rows/s' }, rates, limits, { target: 'P5', kind: 'at_least', ratio: 0.6 }));
    // No target: what the database spends a row does not change with what else the machine does.
    const [own, bare] = [mine, copies].map((side) => side.map(({ databaseMicrosPerRecord }) => databaseMicrosPerRecord));
    emit(line('apply', { case: 'database', unit: 'cpu_us/record' }, own!, bare, { target: 'cost', kind: 'at_most', ratio: 1 / 0.6 }));
  }
  for (const mode of sinks) {
    if (theirs[mode].length === 0) continue;
    const rate = theirs[mode].map(({ recordsPerSecond }) => recordsPerSecond);
    const cpu = theirs[mode].map(({ cpuMicrosPerRecord }) => cpuMicrosPerRecord);
    emit(line('apply', { case: mode, unit: 'rows/s' }, rates, rate, { target: 'P6', kind: 'at_least', ratio: 2 }));
    const own = mine.map(({ cpuMicrosPerRecord }) => cpuMicrosPerRecord);
    emit(line('apply', { case: mode, unit: 'cpu_us/record' }, own, cpu, { target: 'P6', kind: 'at_most', ratio: 1 / 3 }));
  }
  if (parts.length > 0) {
    const goal = { target: 'partial', kind: 'at_least', ratio: 0.7 } as const;
    emit(line('apply', { case: 'partial', unit: 'rows/s' }, parts, rates, goal));
    emit(line('apply', { case: 'partial hot', unit: 'records/s' }, foldedParts, folded, goal));
  }
  if (folded.length > 0)
    emit(line('apply', { case: 'hot', unit: 'records/s' }, folded, rates, { target: 'P6b', kind: 'at_least', ratio: 1 }));
}

const said = ({ recordsPerSecond, cpuMicrosPerRecord }: Pick<Figures, 'recordsPerSecond' | 'cpuMicrosPerRecord'>): string =>
  `${Math.round(recordsPerSecond)} rows/s at ${cpuMicrosPerRecord.toFixed(2)} µs`;
