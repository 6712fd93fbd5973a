import { codes, configured, type Instrument, workSeconds } from './instrument.ts';

/** What mirror copied, what it could not copy as it was, and the shards it shares. Spread into instruments.ts. */
export const mirrorInstruments = {
  farshore_mirrored_records_total: { type: 'counter', help: 'Records that are durable in the region.', labels: { topic: configured } },
  farshore_mirrored_bytes_total: {
    type: 'counter',
    help: 'Bytes of record batches that are durable in the region.',
    labels: { topic: configured },
  },
  farshore_mirrored_batches_total: {
    type: 'counter',
    help: 'Record batches that are durable in the region.',
    labels: { topic: configured },
  },
  farshore_mirror_reencoded_batches_total: {
    type: 'counter',
    help: 'Batches that could not be copied as they are and were written anew, with the same keys, values, headers and timestamps.',
    labels: { reason: ['offset_gap', 'log_append_time', 'delete_horizon', 'too_large', 'old_magic', 'refused', 'below_position'] },
  },
  farshore_mirror_dropped_aborted_records_total: {
    type: 'counter',
    help: 'Records of aborted transactions at home, which are not mirrored.',
    labels: { topic: configured },
  },
  farshore_mirror_cycle_duration_seconds: {
    type: 'histogram',
    help: 'Time of one mirror transaction, from its first write to its commit.',
    labels: {},
    buckets: workSeconds,
  },
  farshore_region_look_failures_total: {
    type: 'counter',
    help: 'Times the leader began to fail at reading where the shards of its region stand. Until it can again, no partition is shown as running.',
    labels: { code: codes },
  },
  farshore_mirror_old_positions_total: {
    type: 'counter',
    help: 'Times the group of the region answered older positions than were committed, or none, when the mirror read them.',
    labels: {},
  },
  farshore_mirror_rebuilds_total: {
    type: 'counter',
    help: 'Times the mirror fenced itself and started over from its committed positions.',
    labels: { code: codes },
  },
  farshore_topic_changes_total: {
    type: 'counter',
    help: 'What the refresh of topics found or did.',
    labels: { change: ['found', 'created', 'grown', 'missing', 'not_ready', 'configs_synced', 'config_refused'] },
  },
  farshore_topics_missing: {
    type: 'gauge',
    help: 'Topics that `mirror.topics` names and home does not have now; absent until home was looked at. One that was mirrored stops besides.',
    labels: {},
  },
  farshore_topic_configs_refused: {
    type: 'gauge',
    help: 'Configs that topics have at home and that the region refused, as of now; absent until they were looked at.',
    labels: {},
  },
  farshore_shards: {
    type: 'gauge',
    help: 'Shards of the region, `mirror.shards`; absent where that is 1. Fewer in the sum of farshore_shards_held: one is worked on by nobody.',
    labels: {},
  },
  farshore_shards_held: {
    type: 'gauge',
    help: 'Shards that this daemon works on; absent where mirror.shards is 1.',
    labels: {},
  },
  farshore_shards_lost_total: {
    type: 'counter',
    help: 'Times a shard ended here without having been given up: another daemon took it, its lease ran out, or a decision was stored.',
    labels: {},
  },
  farshore_shard_changes_total: {
    type: 'counter',
    help: 'Times the division of partitions among shards was recorded, all shards of the one before fenced.',
    labels: {},
  },
  farshore_topic_generation: {
    type: 'gauge',
    help: 'Generation a topic entered since the start of the daemon.',
    labels: { topic: configured },
  },
  farshore_topic_home_epoch: {
    type: 'gauge',
    help: 'Home epoch that was claimed for a topic since the start of the daemon.',
    labels: { topic: configured },
  },
  farshore_lost_records_total: {
    type: 'counter',
    help: 'Upper bound, in offsets, of records that were gone before a stage could read them.',
    labels: { topic: configured },
  },
} as const satisfies Readonly<Record<string, Instrument>>;
