import { type Rig, startRig } from '../../test/rig/rig.ts';

// The rig's own flags make short-lived virtual machines start fast; a bench wants the compiler that servers run with.
const javaFlags = ['-XX:TieredStopAtLevel=4', '-XX:-UseSerialGC', '-XX:+UseG1GC'];
const broker = { heapMiB: 1024, javaFlags };

/** Two brokers and a database for all contenders, durable as in production. */
export const benchServers = (): Promise<Rig> =>
  startRig({
    primary: broker,
    regional: broker,
    database: {
      parameters: { fsync: 'on', synchronous_commit: 'on', track_commit_timestamp: 'on', shared_buffers: '1GB', max_wal_size: '8GB' },
    },
  });
