import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { inject } from 'vitest';
import type { SharedRig } from './global-setup.ts';
import { createDatabaseAt } from './postgres.ts';

/** The servers that all integration files share. What a test makes there must have a name of its own. */
export function sharedRig(): SharedRig {
  return inject('rig');
}

function uniqueSuffix(): string {
  return randomBytes(5).toString('hex');
}

/** `<prefix>.<random>`: a topic name that no other test uses. */
export function uniqueTopic(prefix: string): string {
  return `${prefix}.${uniqueSuffix()}`;
}

/** A new, empty database on the shared server; returns its URL. */
export async function freshDatabase(): Promise<string> {
  return await createDatabaseAt(sharedRig().database, `test_${uniqueSuffix()}`);
}

/** kafkajs as the outside world: quiet, few retries. */
export function kafkajsFor(bootstrap: string): Kafka {
  return new Kafka({
    clientId: 'test',
    brokers: bootstrap.split(','),
    logLevel: logLevel.NOTHING,
    retry: { retries: 5, initialRetryTime: 100 },
  });
}

export interface NewTopic {
  readonly topic: string;
  readonly partitions?: number;
  /** Default 1. */
  readonly replicas?: number;
  readonly configs?: Readonly<Record<string, string>>;
}

/**
 * Creates a topic and resolves when its partitions have leaders. Not by `waitForLeaders`: the controller answers before the broker that
 * is asked has read of the topic, and kafkajs gives up at once at its "does not host this topic-partition".
 */
export async function createTopic(bootstrap: string, { topic, partitions = 1, replicas = 1, configs = {} }: NewTopic): Promise<void> {
  const admin = kafkajsFor(bootstrap).admin();
  await admin.connect();
  try {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
    const entry = { topic, numPartitions: partitions, replicationFactor: replicas, configEntries };
    await admin.createTopics({ waitForLeaders: false, topics: [entry] });
    await eventually(
      async () => {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
        if (topics[0]?.partitions.length !== partitions || !topics[0].partitions.every(({ leader }) => leader >= 0)) return false;
        // A broker tells of itself as the leader a moment before it answers as one: a produce in between is refused.
        return (await admin.fetchTopicOffsets(topic)).length === partitions;
      },
      { what: `${topic} having leaders` },
    );
  } finally {
    await admin.disconnect();
  }
}

export interface Patience {
  /** Default 30 s. */
  readonly deadlineMs?: number;
  /** Default 50 ms. */
  readonly everyMs?: number;
  /** Said in the error when the deadline passes. */
  readonly what?: string;
}

/**
 * Asks `condition` until it returns something other than `false`, `null` or `undefined`, and returns that. A condition that throws is
 * asked again; when the deadline passes its last error is the cause.
 */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  patience: Patience = {},
): Promise<Exclude<T, false | null | undefined>> {
  const { deadlineMs = 30_000, everyMs = 50, what = 'the condition' } = patience;
  const startedMs = performance.now();
  for (;;) {
    let cause: unknown;
    try {
      const value = await condition();
      if (value !== false && value !== null && value !== undefined) return value as Exclude<T, false | null | undefined>;
    } catch (error) {
      cause = error;
    }
    if (performance.now() - startedMs > deadlineMs) throw new Error(`${what} did not hold within ${deadlineMs} ms`, { cause });
    await delay(everyMs);
  }
}
