import { describe, expect, it } from 'vitest';
import { EventFeed } from '../../../src/daemon/event-feed.ts';
import { systemClock } from '../../../src/model/clock.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';

const topic = (name: string): FarshoreEvent => ({ type: 'topic_found', topic: name, partitions: 1 });
const beat: FarshoreEvent = { type: 'heartbeat_failed', code: 'cluster_unreachable', message: 'no broker answered' };

describe('events for people', () => {
  it('are the last 500, without the flow of records', () => {
    const feed = new EventFeed(systemClock);
    feed.take({ type: 'heartbeat_returned', latencySeconds: 1 });
    expect(feed.recent()).toEqual([]);
    for (let n = 0; n < 600; n++) feed.take(topic(`topic-${n}`));
    expect(feed.recent()).toHaveLength(500);
    expect(feed.recent().at(-1)).toMatchObject({ id: 600, level: 'info', message: 'topic-599 found with 1 partitions', times: 1 });
  });

  it('are counted where they come again, so that one line does not fill the list', () => {
    const feed = new EventFeed(systemClock);
    const heard: number[] = [];
    feed.subscribe(({ id, times }) => heard.push(id, times));
    for (let n = 0; n < 3; n++) feed.take(beat);
    feed.take(topic('a'));
    feed.take(beat);
    expect(feed.recent().map(({ type, times }) => [type, times])).toEqual([
      ['topic_found', 1],
      ['heartbeat_failed', 4],
    ]);
    expect(heard).toEqual([1, 1, 1, 2, 1, 3, 2, 1, 1, 4]);
  });

  it('hold no key and no value of a row or record, nor what a hook said', () => {
    const feed = new EventFeed(systemClock);
    const secret = 'customer-4711';
    feed.take({ type: 'audit_finding', table: 'public.t', key: secret, kind: 'changed', columns: ['note'], cause: undefined });
    feed.take({ type: 'rogue_write_found', table: 'public.t', key: secret, kind: 'changed', columns: [] });
    feed.take({ type: 'audit_repair', table: 'public.t', kind: 'missing', key: secret, result: 'repaired', by: 'ada' });
    const rejected = { topic: 'a', partition: 0, table: 'public.t', code: 'row_refused', records: 1, firstOffset: 5n } as const;
    feed.take({ type: 'records_rejected', ...rejected, message: `Key (id)=(${secret}) exists` });
    feed.take({ type: 'cutover_hook_ran', on: 'ready', hook: 'curl', result: 'failed', detail: `exit code 1: ${secret}`, seconds: 1 });
    expect(feed.recent()).toHaveLength(5);
    expect(JSON.stringify(feed.recent())).not.toContain(secret);
  });
});
