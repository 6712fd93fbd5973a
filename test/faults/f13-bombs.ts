import { readFileSync } from 'node:fs';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import kafkajs, { CompressionTypes, type Message } from 'kafkajs';
import pg from 'pg';
import { createTopic, eventually, kafkajsFor } from '../rig/context.ts';
import { startRig } from '../rig/rig.ts';
import { TestDaemon } from '../scenario/daemon.ts';
import { BOMB_SCHEMA_ID, bombSchema, bombs, bombTable, goodValue } from './bombs.ts';
import { judge, ledgerDdl } from './ledger.ts';
import { seeded, type Trial } from './trial.ts';

const TOPIC = 'bombs';
const TABLE = `public.${TOPIC}`;
const MEBIBYTE = 1 << 20;
const DEADLINE_MS = 120_000;
/** The daemon at rest takes some 150 MiB, over a backlog 350; a batch that is squeezed and what it becomes lie beside one another: 647 MiB over 14 rounds, 643 of them by the eighth. */
const MOST_RESIDENT_MIB = 768;
/** Partitions: one for what must be kept or applied, one a codec for what is too large when it is opened. */
const codecs = [CompressionTypes.GZIP, CompressionTypes.ZSTD] as const;

// kafkajs leaves zstd to whoever has it.
kafkajs.CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder: { readonly buffer: Buffer }) => zstdCompressSync(encoder.buffer),
  decompress: async (bytes: Buffer) => zstdDecompressSync(bytes),
});

/**
 * F13: bombs among good records, each with a key of its own. What is no value is kept with its reason, what is legal is applied however
 * tightly it was squeezed, a batch that is too large when opened stops its partition and is skipped by the command that the
 * stop prints; every good record is applied, by one daemon that was never started again, in bounded memory.
 */
export const f13: Trial = async ({ seed, full, say }) => {
  const random = seeded(seed);
  const [rounds, goodPerRound, squeezedBatches] = full ? [5, 20_000, 6] : [1, 1_200, 3];
  const configs = { 'max.message.bytes': String(16 * MEBIBYTE) };
  await using rig = await startRig();
  const url = await rig.database.createDatabase('trial');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await using _client = { [Symbol.asyncDispose]: () => client.end() };
  await client.query(`${bombTable(TOPIC)};\n${ledgerDdl(TOPIC)}`);
  await createTopic(rig.primary.bootstrap, { topic: TOPIC, partitions: 1 + codecs.length, configs });
  await using daemon = await TestDaemon.create({
    primary: rig.primary.bootstrap,
    regional: rig.regional.bootstrap,
    database: url,
    region: 'trial',
    topics: [TOPIC],
    tables: [`{ topic: ${TOPIC}, table: ${TABLE}, version: version }`],
    files: { [`schemas/${BOMB_SCHEMA_ID}.avsc`]: JSON.stringify(bombSchema) },
  });
  const producer = kafkajsFor(rig.primary.bootstrap).producer();
  await producer.connect();
  await using _producer = { [Symbol.asyncDispose]: () => producer.disconnect() };
  await daemon.start();
  const atRestMiB = residentMiB(daemon.pid, 'VmRSS');

  const expected = new Map<number, number>();
  let ids = 0;
  const good = (note = 'fine', attrs: Readonly<Record<string, number>> = {}): Message => {
    const id = ids++;
    expected.set(id, 1);
    return { key: String(id), value: goodValue(id, note, 1, attrs) };
  };
  /** Key → the bomb that was sent under it. */
  const sent = new Map<string, (typeof bombs)[number]>();
  const send = async (messages: Message[], partition: number, compression?: CompressionTypes): Promise<void> => {
    const placed = messages.map((message) => ({ ...message, partition }));
    await producer.send({ topic: TOPIC, messages: placed, ...(compression === undefined ? {} : { compression }) });
  };
  const isApplied = async (): Promise<boolean> => {
    const { rows } = await client.query<{ n: string }>(`select count(*) as n from ${TOPIC}`);
    return Number(rows[0]?.n) >= expected.size;
  };
  const settled = async (what: string): Promise<boolean> =>
    await eventually(isApplied, { deadlineMs: DEADLINE_MS, everyMs: 200, what }).then(
      () => true,
      () => false,
    );

  let allSettled = true;
  let stopsSkipped = 0;
  for (let round = 0; round < rounds; round++) {
    for (const bomb of bombs.toSorted(() => random() - 0.5)) {
      const around = Array.from({ length: Math.floor(goodPerRound / bombs.length) }, () => good());
      const id = ids++;
      sent.set(String(id), bomb);
      around.splice(Math.floor(random() * around.length), 0, { key: String(id), value: bomb.valueOf(id) });
      await send(around, 0, random() < 0.5 ? undefined : CompressionTypes.GZIP);
    }
    // Legal: names of JavaScript as keys, a text of ten megabytes, and a thousand to one.
    await send([good('names', { ['__proto__']: 1, constructor: 2 })], 0);
    await send([good('x'.repeat(10 * MEBIBYTE))], 0);
    for (const codec of codecs) {
      for (let n = 0; n < squeezedBatches; n++) await send(squeezed(40, good), 0, codec);
    }
    allSettled &&= await settled('every good record among the bombs being applied');
    say(`round ${round + 1}/${rounds}: ${expected.size} good records, ${residentMiB(daemon.pid, 'VmHWM')} MiB at most`);
    for (const [n, codec] of codecs.entries()) {
      const partition = n + 1;
      await send([good()], partition);
      // No key of theirs is expected: the whole batch is given up.
      await send(
        squeezed(80, () => ({ key: 'too large', value: goodValue(-1, 'x'.repeat(MEBIBYTE), 1) })),
        partition,
        codec,
      );
      await send([good()], partition);
      const hint = await daemon.stopped('apply', TOPIC, partition, 'memory_limit');
      const [mend, skip] = hint.split('To skip this batch: ');
      if (mend?.includes('limits.maxDecompressedBytes') && skip !== undefined) {
        await daemon.runHint(skip);
        stopsSkipped++;
      }
    }
    allSettled &&= await settled('every good record behind a batch that was skipped being applied');
  }

  const { rows: rejected } = await client.query<{ key: Buffer; reason: string; message: string }>(
    'select key, reason, message from farshore.rejected_records',
  );
  let kept = 0;
  for (const { key, reason, message } of rejected) {
    const bomb = sent.get(key.toString());
    if (bomb !== undefined && bomb.reason === reason && message.includes(bomb.says)) kept++;
    else say(`${bomb?.name ?? 'no bomb'}: kept as ${reason}: ${message}`);
  }
  const { rows } = await client.query<{ attrs: string }>(`select attrs::text as attrs from ${TOPIC} where note = 'names'`);
  const mostMiB = residentMiB(daemon.pid, 'VmHWM');
  say(`${kept} of ${sent.size} bombs kept, ${stopsSkipped} batches skipped; the daemon took ${mostMiB} MiB at most, ${atRestMiB} before`);
  return {
    ...(await judge(client, TOPIC, expected)),
    cases: sent.size + stopsSkipped,
    holds: {
      settled: allSettled,
      everyBombKept: kept === sent.size && rejected.length === sent.size,
      namesKept:
        rows.length === rounds && rows.every(({ attrs }) => attrs.includes('"__proto__": 1') && attrs.includes('"constructor": 2')),
      tooLargeStoppedAndSkipped: stopsSkipped === rounds * codecs.length,
      boundedMemory: mostMiB <= MOST_RESIDENT_MIB,
    },
  };
};

/** A batch of texts of one megabyte, some kilobytes when compressed. */
const squeezed = (records: number, one: (note: string) => Message): Message[] =>
  Array.from({ length: records }, () => one('x'.repeat(MEBIBYTE)));

/** Of the process that was started first: one that ended has none, and fails the trial. */
function residentMiB(pid: number, what: 'VmRSS' | 'VmHWM'): number {
  const kib = new RegExp(`${what}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kib) / 1_024);
}
