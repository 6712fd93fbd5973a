import type { Producer, Transaction } from 'kafkajs';
import { eventually, kafkajsFor } from '../rig/context.ts';
import { rowValue } from '../scenario/daemon.ts';
import { judge } from './ledger.ts';
import { TrialRegion } from './region.ts';
import { seeded, type TrialResult, type TrialRun } from './trial.ts';

const TOPIC = 'transacted';
const PARTITIONS = 6;
const KEYS = 300;
const PRODUCERS = 4;
const MOST_IN_ONE_SEND = 25;
const DEADLINE_MS = 120_000;

interface Open {
  readonly transaction: Transaction;
  /** What it will have written, by row, once it is committed. */
  readonly versions: Map<number, number>;
  records: number;
}

/**
 * The apply half of F9: transactions of several producers that overlap, span many batches and are aborted as often as committed, through the
 * whole daemon, which is killed meanwhile. An aborted record has a higher version than any before it: one that leaks stays in the table.
 */
export async function f9Apply({ seed, full, say }: TrialRun): Promise<TrialResult> {
  const random = seeded(seed);
  const steps = full ? 6_000 : 150;
  const kills = full ? 12 : 2;
  await using region = await TrialRegion.start({ topic: TOPIC, partitions: PARTITIONS, keys: KEYS });
  await using closing = new AsyncDisposableStack();
  const producers: Producer[] = [];
  for (let n = 0; n < PRODUCERS; n++) {
    const producer = kafkajsFor(region.rig.primary.bootstrap).producer({
      transactionalId: `${TOPIC}-${n}`,
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await eventually(() => producer.connect().then(() => true), { what: 'a producer' });
    closing.defer(() => producer.disconnect());
    producers.push(producer);
  }
  const committed = new Map<number, number>();
  const open = new Map<number, Open>();
  let [version, records, aborted] = [0, 0, 0];

  const send = async (one: Open): Promise<void> => {
    const messages = Array.from({ length: 1 + Math.floor(random() * MOST_IN_ONE_SEND) }, () => {
      const id = Math.floor(random() * KEYS);
      one.versions.set(id, ++version);
      one.records++;
      return { key: String(id), value: rowValue(id, `state ${version}`, version), partition: id % PARTITIONS };
    });
    await one.transaction.send({ topic: TOPIC, messages });
  };
  const end = async (n: number, one: Open): Promise<void> => {
    open.delete(n);
    if (random() < 0.5) {
      await one.transaction.abort();
      aborted++;
      return;
    }
    await one.transaction.commit();
    records += one.records;
    for (const [id, at] of one.versions) committed.set(id, Math.max(at, committed.get(id) ?? 0));
  };

  await region.daemon.start();
  for (let step = 0; step < steps; step++) {
    const n = Math.floor(random() * PRODUCERS);
    const one = open.get(n) ?? { transaction: await producers[n]!.transaction(), versions: new Map(), records: 0 };
    open.set(n, one);
    if (one.records === 0 || random() < 0.7) await send(one);
    else await end(n, one);
    if (step % Math.ceil(steps / (kills + 1)) === Math.ceil(steps / (kills + 1)) - 1) {
      await region.daemon.kill();
      await region.daemon.start();
    }
  }
  for (const [n, one] of [...open]) await end(n, one);
  const settled = await eventually(async () => (await region.applied()) >= records, {
    deadlineMs: DEADLINE_MS,
    everyMs: 200,
    what: 'all committed records being applied',
  }).catch(() => false);
  const different = await region.mirroredDifferently();
  say(`applied: ${records} records of committed transactions, ${aborted} transactions aborted`);
  return {
    ...(await judge(region.client, TOPIC, committed)),
    cases: aborted,
    holds: { settled, mirroredAlike: different === 0, nothingBeyond: (await region.applied()) === records },
  };
}
