import { readdir, readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { KafkaServer } from './kafka.ts';

const FIRST_SEGMENT = '00000000000000000000.log';
const LENGTH_AT = 8;
/** Base offset and length, which counts what comes after it. */
const BATCH_HEAD_BYTES = 12;

/** Base offsets of a partition's batches and where each lies in its first segment. */
export async function batchesInLog(
  server: KafkaServer,
  topic: string,
  partition: number,
): Promise<readonly { readonly baseOffset: bigint; readonly at: number }[]> {
  const bytes = await readFile(join(server.dataDir, `${topic}-${partition}`, FIRST_SEGMENT));
  const batches: { baseOffset: bigint; at: number }[] = [];
  for (let at = 0; at + BATCH_HEAD_BYTES <= bytes.length; ) {
    batches.push({ baseOffset: bytes.readBigInt64BE(at), at });
    at += BATCH_HEAD_BYTES + bytes.readInt32BE(at + LENGTH_AT);
  }
  return batches;
}

/**
 * Takes the batch at `offset` and all after it away, as a disk that lost its last writes does: the broker must have been killed, and
 * recovers what is left when it starts. Throws when no batch begins there, or the log has further segments.
 */
export async function cutLog(server: KafkaServer, topic: string, partition: number, offset: bigint): Promise<void> {
  const folder = join(server.dataDir, `${topic}-${partition}`);
  const files = await readdir(folder);
  const segments = files.filter((name) => name.endsWith('.log'));
  if (segments.length !== 1 || segments[0] !== FIRST_SEGMENT) throw new Error(`${topic}:${partition} has segments ${segments.join(', ')}`);
  const cut = (await batchesInLog(server, topic, partition)).find(({ baseOffset }) => baseOffset === offset);
  if (cut === undefined) throw new Error(`no batch of ${topic}:${partition} begins at ${offset}`);
  await truncate(join(folder, FIRST_SEGMENT), cut.at);
  // What was derived from the whole log is made anew from what is left.
  for (const name of files) if (/\.(index|timeindex|txnindex|snapshot)$/.test(name)) await rm(join(folder, name));
  for (const name of ['recovery-point-offset-checkpoint', 'replication-offset-checkpoint', '.kafka_cleanshutdown'])
    await rm(join(server.dataDir, name), { force: true });
}
