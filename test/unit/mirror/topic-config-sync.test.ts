import { describe, expect, it } from 'vitest';
import type { RegionalLog } from '../../../src/mirror/contracts.ts';
import { TopicConfigSync } from '../../../src/mirror/topic-config-sync.ts';
import { mirroredConfigs } from '../../../src/mirror/topic-configs.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';

const never = new AbortController().signal;
const route = { home: 'billing.accounts', regional: 'billing.accounts' };
const forced = mirroredConfigs(new Map(), []);

/** A region whose brokers refuse some configs, as Kafka does: the whole request, whichever part is wrong. */
function region(refused: readonly string[]) {
  const altered: (readonly [readonly string[], readonly string[]])[] = [];
  const created: (readonly string[])[] = [];
  const events: FarshoreEvent[] = [];
  const judge = (names: readonly string[]): void => {
    const bad = names.find((name) => refused.includes(name));
    if (bad !== undefined) throw new FarshoreError('request_invalid', `unknown config ${bad}`);
  };
  const regional = {
    createTopic: async (_topic: string, _partitions: number, configs: ReadonlyMap<string, string>) => {
      judge([...configs.keys()]);
      created.push([...configs.keys()]);
    },
    alterTopicConfigs: async (_topic: string, set: ReadonlyMap<string, string>, remove: readonly string[]) => {
      judge([...set.keys(), ...remove]);
      altered.push([[...set.keys()], remove]);
    },
  } as unknown as RegionalLog;
  const sync = new TopicConfigSync(
    { regional, observe: (event) => events.push(event) },
    { configExclude: [], minRetentionMs: () => undefined },
  );
  return { sync, altered, created, events };
}

describe('configs the region refuses', () => {
  const home = new Map([
    ['retention.ms', '1000'],
    ['segment.bytes', '77'],
  ]);

  it('C14: are told once, and the others are set all the same', async () => {
    const { sync, altered, events } = region(['segment.bytes']);
    for (let n = 0; n < 3; n++) await sync.sync(route, home, forced, never);
    expect(altered).toEqual([
      [['retention.ms'], []],
      [['retention.ms'], []],
      [['retention.ms'], []],
    ]);
    expect(events.filter(({ type }) => type === 'topic_config_refused')).toMatchObject([{ config: 'segment.bytes', value: '77' }]);
  });

  it('C14: are counted for as long as a topic goes without them, also after they were told', async () => {
    const { sync } = region(['segment.bytes']);
    const now = () => sync.refusedNow([route.regional]);
    for (let n = 0; n < 2; n++) {
      await sync.sync(route, home, forced, never);
      expect(now()).toBe(1);
    }
    expect(sync.refusedNow(['another'])).toBe(0);
    // Set by hand.
    await sync.sync(route, home, new Map([...forced, ['segment.bytes', '77']]), never);
    expect(now()).toBe(0);
  });

  it('C14: are tried again when home changes them', async () => {
    const { sync, events } = region(['segment.bytes']);
    await sync.sync(route, home, forced, never);
    await sync.sync(route, new Map([...home, ['segment.bytes', '88']]), forced, never);
    expect(events.filter(({ type }) => type === 'topic_config_refused')).toMatchObject([{ value: '77' }, { value: '88' }]);
  });

  it('C14: do not keep a topic from being created', async () => {
    const { sync, created } = region(['segment.bytes']);
    await sync.create(route, 4, home, never);
    expect(created).toEqual([[...forced.keys()]]);
  });

  it('C14: stop the topic where the mirror needs them', async () => {
    const { sync } = region(['compression.type']);
    await expect(sync.create(route, 4, home, never)).rejects.toMatchObject({ code: 'topic_refused', action: 'stop' });
    await expect(sync.sync(route, home, new Map(), never)).rejects.toMatchObject({ code: 'topic_refused' });
  });
});
