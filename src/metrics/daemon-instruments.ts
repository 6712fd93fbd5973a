import { components, jobs } from '../model/events.ts';
import { codes, configured, type Instrument, stages } from './instrument.ts';

/** The daemon itself: its dependencies, its lease, and where its partitions and tables stand. Spread into instruments.ts. */
export const daemonInstruments = {
  farshore_partitions: {
    type: 'gauge',
    help: 'Partitions of a stage by state.',
    labels: { stage: stages, state: ['running', 'waiting', 'paused', 'stopped'] },
  },
  farshore_partitions_stopped: {
    type: 'gauge',
    help: 'Partitions of a stage that wait for an operator after an error.',
    labels: { stage: stages },
  },
  farshore_tables_stopped: { type: 'gauge', help: 'Tables that wait for an operator after an error.', labels: {} },
  farshore_partition_stops_total: { type: 'counter', help: 'Times a partition stopped.', labels: { stage: stages, code: codes } },
  farshore_partition_actions_total: {
    type: 'counter',
    help: 'Partitions an operator paused or resumed.',
    labels: { stage: stages, action: ['paused', 'resumed'] },
  },
  farshore_logins_not_renewed_total: {
    type: 'counter',
    help: 'Connections that were to be replaced by one with a new login, and go on because that was refused.',
    labels: { component: components },
  },
  farshore_job_failures_total: {
    type: 'counter',
    help: 'Runs of scheduled work that failed; the next run makes up for them.',
    labels: { job: jobs, code: codes },
  },
  farshore_component_up: {
    type: 'gauge',
    help: '1 while a dependency answers. A standby asks the database of the region alone, and has no sample of the others.',
    labels: { component: components },
  },
  farshore_leader: { type: 'gauge', help: '1 while this daemon holds the region’s lease, 0 while it stands by.', labels: {} },
  farshore_fencing_epoch: { type: 'gauge', help: 'Epoch of the lease this daemon holds; absent while it holds none.', labels: {} },
  farshore_schema_fetches_total: {
    type: 'counter',
    help: 'Schemas asked of the registry (found, missing, failed) or read from the kept copies (kept).',
    labels: { result: ['found', 'missing', 'failed', 'kept'] },
  },
  farshore_buffer_bytes: { type: 'gauge', help: 'Bytes of record batches held in memory.', labels: { stage: stages } },
  farshore_build_info: { type: 'gauge', help: 'Always 1; says what runs.', labels: { version: configured, node_version: configured } },
  farshore_config_info: { type: 'gauge', help: 'Always 1; digest of the configuration in force.', labels: { sha256: configured } },
} as const satisfies Readonly<Record<string, Instrument>>;
