import { describe, expect, it } from 'vitest';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import type { RejectedDetail } from '../../../src/model/rejected.ts';
import { errorHeaders, publishRejected } from '../../../src/rejected/publish.ts';

const record = (id: string): RejectedDetail => ({
  ...{ id, topic: 't', partition: 3, offset: '12', table: 'public.t', waitsFor: null, reason: 'row_refused', sqlState: '22001' },
  ...{ message: 'too long', attempts: 1, firstSeen: '', lastSeen: '', timestampMs: 0, homeEpoch: 1, generation: 1 },
  ...{ key: null, value: null, headers: '', headerCount: 0 },
});

describe('rejected records in a topic', () => {
  it('carry the headers that Kafka Connect’s tools read', () => {
    const headers = Object.fromEntries(
      errorHeaders(record('1'), 'eu').map(({ name, value }) => [name.replace('__connect.errors.', ''), value]),
    );
    expect(headers).toMatchObject({
      ...{ topic: 't', partition: '3', offset: '12', stage: 'TASK_PUT', 'connector.name': 'farshore.eu' },
      ...{ 'exception.class.name': 'row_refused (22001)', 'exception.message': 'too long' },
    });
  });

  it('are marked one by one once they are written, and tried again from the one that failed', async () => {
    const written: string[] = [];
    const marked = new Set<string>();
    const events: FarshoreEvent[] = [];
    const stop = new AbortController();
    let fails = true;
    const store = {
      unpublished: async () => ['1', '2', '3'].filter((id) => !marked.has(id)),
      get: async (id: string) => record(id),
      markPublished: async (ids: readonly string[]) => {
        for (const id of ids) marked.add(id);
      },
    };
    const write = async ({ id }: RejectedDetail) => {
      if (id === '2' && fails) throw new FarshoreError('cluster_denied', 'no Write on t.farshore.rejected');
      written.push(id);
    };
    const waits: number[] = [];
    const clock = {
      wallMs: () => 0,
      monotonicMs: () => 0,
      sleep: async (ms: number) => {
        waits.push(ms);
        fails = false;
        if (marked.size === 3) stop.abort();
        stop.signal.throwIfAborted();
      },
    };
    const running = publishRejected({ store, write, region: 'eu', observe: (event) => events.push(event), clock }, stop.signal);
    await expect(running).rejects.toThrow();
    expect([written, waits]).toEqual([
      ['1', '2', '3'],
      [10_000, 1_000],
    ]);
    expect(events.map(({ type }) => type)).toEqual([
      'rejected_published',
      'rejected_publish_failed',
      'rejected_published',
      'rejected_published',
    ]);
  });

  it('are read one at a time, and one that was discarded meanwhile is left out', async () => {
    const steps: string[] = [];
    const stop = new AbortController();
    const store = {
      unpublished: async () => {
        stop.signal.throwIfAborted();
        return ['1', '2', '3'];
      },
      get: async (id: string) => {
        steps.push(`read ${id}`);
        return id === '2' ? undefined : record(id);
      },
      markPublished: async () => undefined,
    };
    const write = async ({ id }: RejectedDetail) => void steps.push(`write ${id}`);
    const sleep = async () => stop.abort();
    const clock = { wallMs: () => 0, monotonicMs: () => 0, sleep };
    await expect(publishRejected({ store, write, region: 'eu', observe: () => undefined, clock }, stop.signal)).rejects.toThrow();
    expect(steps).toEqual(['read 1', 'write 1', 'read 2', 'read 3', 'write 3']);
  });
});
