import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot, stateDirectory } from '../../test/rig/paths.ts';
import { freePorts } from '../../test/rig/ports.ts';

const run = promisify(execFile);
const scripts = join(import.meta.dirname, 'peers');
const jars = join(stateDirectory, 'peers');
const lastJars = join(jars, 'plugins', 'jdbc-sink');

/** Fetches the peers' jars once, by Maven. */
export async function fetchPeers(say: (text: string) => void): Promise<void> {
  if (existsSync(join(jars, 'fetched'))) return;
  say('fetching MirrorMaker 2 and the Debezium JDBC sink by Maven');
  await run(join(scripts, 'fetch-peers.sh'), [jars]);
  if (!existsSync(lastJars)) throw new Error(`the peers are not in ${jars}`);
  await run('touch', [join(jars, 'fetched')]);
}

async function peerLine(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  const { stdout } = await run(join(scripts, script), args, {
    env: { ...process.env, PEERS_DIR: jars, PEERS_NODE_ROOT: repositoryRoot, NODE: process.execPath, ...env },
    maxBuffer: 16 << 20,
  });
  const line = stdout.trim().split('\n').at(-1);
  if (line === undefined) throw new Error(`${script} printed nothing`);
  return JSON.parse(line) as Record<string, unknown>;
}

export interface PeerFigures {
  readonly recordsPerSecond: number;
  readonly cpuMicrosPerRecord: number;
  readonly version: string;
}

/** MirrorMaker 2, exactly-once, over the whole topic; the topic is deleted at the target first. */
export async function mirrorMaker(from: string, to: string, topic: string, records: number): Promise<PeerFigures> {
  const line = await peerLine('mm2.sh', [from, to, topic, String(records), '--exactly-once']);
  return {
    recordsPerSecond: Number(line.msgs_per_s_steady),
    cpuMicrosPerRecord: Number(line.cpu_us_per_record_steady),
    version: `MirrorMaker 2 ${String(line.kafka)}`,
  };
}

export type SinkMode = 'row-wise' | 'unnest';

/** The Debezium JDBC sink: `row-wise` keeps data as sent, `unnest` with its reduction buffer is its fastest. */
export async function jdbcSink(bootstrap: string, topic: string, records: number, database: string, mode: SinkMode): Promise<PeerFigures> {
  const [rest, registry] = await freePorts(2);
  const env = {
    UNNEST: String(mode === 'unnest'),
    REDUCTION: String(mode === 'unnest'),
    REST_PORT: String(rest),
    REGISTRY_PORT: String(registry),
  };
  const line = await peerLine('jdbc-sink.sh', [bootstrap, topic, String(records), database], env);
  return {
    recordsPerSecond: Number(line.rows_per_s_steady),
    cpuMicrosPerRecord: Number(line.cpu_us_per_record_steady),
    version: `Debezium JDBC sink ${String(line.debezium)}, Connect ${String(line.kafka)}`,
  };
}
