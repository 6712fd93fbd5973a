import { describe, expect, it } from 'vitest';
import { missingTopics, selectRoutes } from '../../../src/mirror/routes.ts';
import { configChanges, isCompacted, mirroredConfigs, type RetentionFloor } from '../../../src/mirror/topic-configs.ts';

describe('configs of a mirrored topic', () => {
  const home = new Map([
    ['retention.ms', '1000'],
    ['cleanup.policy', 'compact,delete'],
    ['message.timestamp.type', 'LogAppendTime'],
    ['compression.type', 'zstd'],
    ['min.insync.replicas', '3'],
    ['leader.replication.throttled.replicas', '*'],
    ['remote.storage.enable', 'true'],
  ]);

  it('C14: keeps timestamps and codecs as produced, whatever home says', () => {
    expect(Object.fromEntries(mirroredConfigs(home, []))).toEqual({
      'retention.ms': '1000',
      'cleanup.policy': 'compact,delete',
      'message.timestamp.type': 'CreateTime',
      'message.timestamp.before.max.ms': '9223372036854775807',
      'message.timestamp.after.max.ms': '9223372036854775807',
      'compression.type': 'producer',
    });
  });

  it('C14: leaves replication, throttles, tiering and min.insync to the region', () => {
    const regional = new Map([...mirroredConfigs(home, []), ['min.insync.replicas', '2'], ['remote.storage.enable', 'true']]);
    expect(configChanges(home, regional, [])).toEqual({ set: new Map(), remove: [] });
  });

  it('follows a change at home and takes back what home no longer sets', () => {
    const regional = new Map([...mirroredConfigs(home, []), ['retention.ms', '5'], ['segment.bytes', '9']]);
    expect(configChanges(home, regional, [])).toEqual({ set: new Map([['retention.ms', '1000']]), remove: ['segment.bytes'] });
  });

  it('C7: raises how long records and tombstones stay to the floor, and then leaves them there', () => {
    const floor = (inForce: Record<string, string>): RetentionFloor => ({ leastMs: 5_000, inForce: new Map(Object.entries(inForce)) });
    const forced = mirroredConfigs(new Map(), []);
    const changes = (
      atHome: Record<string, string>,
      own: Record<string, string>,
      inForce: Record<string, string>,
      exclude: string[] = [],
    ) => {
      const { set, remove } = configChanges(
        new Map(Object.entries(atHome)),
        new Map([...forced, ...Object.entries(own)]),
        exclude,
        floor({ 'cleanup.policy': 'delete', ...inForce }),
      );
      return { set: Object.fromEntries(set), remove };
    };
    const raised = { set: { 'retention.ms': '5000' }, remove: [] };
    const same = { set: {}, remove: [] };
    expect(changes({ 'retention.ms': '1000' }, {}, {})).toEqual(raised);
    expect(changes({ 'retention.ms': '1000' }, { 'retention.ms': '5000' }, {})).toEqual(same);
    expect(changes({ 'retention.ms': '9000' }, { 'retention.ms': '9000' }, {})).toEqual(same);
    expect(changes({ 'retention.ms': '-1' }, { 'retention.ms': '-1' }, {})).toEqual(same);
    expect(changes({}, {}, { 'retention.ms': '1000' })).toEqual(raised);
    expect(changes({}, { 'retention.ms': '5000' }, { 'retention.ms': '5000' })).toEqual(same);
    expect(changes({}, {}, { 'retention.ms': '9000' })).toEqual(same);
    expect(changes({}, { 'retention.ms': '4000' }, { 'retention.ms': '4000' })).toEqual(raised);
    expect(changes({ 'retention.ms': '1000' }, {}, {}, ['retention.ms'])).toEqual(same);
    const compacted = { 'cleanup.policy': 'compact' };
    expect(changes(compacted, compacted, { 'retention.ms': '1000', 'delete.retention.ms': '1000' })).toEqual({
      set: { 'delete.retention.ms': '5000' },
      remove: [],
    });
  });

  it('syncs nothing that the configuration excludes', () => {
    const regional = new Map([...mirroredConfigs(home, []), ['retention.ms', '5']]);
    expect(configChanges(home, regional, ['retention.ms'])).toEqual({ set: new Map(), remove: [] });
  });

  it('sees compaction in a list of policies', () => {
    expect([isCompacted(home), isCompacted(new Map()), isCompacted(new Map([['cleanup.policy', 'delete']]))]).toEqual([true, false, false]);
  });
});

describe('which topics are mirrored', () => {
  const rules = {
    primary: 'us-east',
    topics: ['billing.*', 'orders'],
    exclude: ['billing.internal.*'],
    prefix: '',
    heartbeatTopic: 'farshore.heartbeat',
    heartbeatsOnly: false,
  };
  const names = [
    'billing.a',
    'billing.internal.x',
    'orders',
    'other',
    'farshore.heartbeat',
    'farshore.heartbeat.eu-west',
    '__farshore.topics',
    '__consumer_offsets',
    'billing.x.farshore.rejected',
  ];

  it('C23: carries its own heartbeats under the name of their cluster, and those of no other', () => {
    expect(selectRoutes(names, rules, new Map())).toEqual([
      { home: 'billing.a', regional: 'billing.a' },
      { home: 'orders', regional: 'orders' },
      { home: 'farshore.heartbeat', regional: 'farshore.heartbeat.us-east' },
    ]);
  });

  it('never lets a pattern match what Farshore or Kafka keep for themselves', () => {
    expect(selectRoutes(names, { ...rules, topics: ['*'], exclude: [], heartbeatTopic: undefined }, new Map()).map((r) => r.home)).toEqual([
      'billing.a',
      'billing.internal.x',
      'orders',
      'other',
    ]);
  });

  it('carries heartbeats alone on standby', () => {
    expect(selectRoutes(names, { ...rules, heartbeatsOnly: true }, new Map()).map((r) => r.home)).toEqual(['farshore.heartbeat']);
    const published = new Map([
      [names[0]!, { home: rules.primary, epoch: 2 }],
      [names[1]!, { home: rules.primary, epoch: 1 }],
    ]);
    const standby = { ...rules, topics: ['*'], exclude: [], heartbeatsOnly: true };
    // Once a cutover has moved a topic's home there, the way back is needed, and nobody has to turn it on.
    expect(selectRoutes([names[0]!, names[1]!], standby, published).map((r) => r.home)).toEqual([names[0]]);
  });

  it('puts the prefix in front of the regional name', () => {
    expect(selectRoutes(['orders'], { ...rules, prefix: 'us.' }, new Map())).toEqual([{ home: 'orders', regional: 'us.orders' }]);
  });

  it('names literal topics that home does not have', () => {
    expect(missingTopics(['billing.a'], rules)).toEqual(['orders']);
  });
});
