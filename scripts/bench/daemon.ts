import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DaemonStatus } from '../../src/model/status.ts';
import { freePorts } from '../../test/rig/ports.ts';
import type { Rig } from '../../test/rig/rig.ts';
import { type SupervisedServer, supervise, tailOfLog } from '../../test/rig/supervised.ts';
import { keySchema, valueSchema } from './data.ts';

const root = join(import.meta.dirname, '../..');

export interface BenchDaemonOptions {
  readonly rig: Rig;
  readonly database: string;
  /** New for each run: it names transactional id and positions. */
  readonly region: string;
  readonly topics: readonly string[];
  /** Topic → table. */
  readonly tables?: Readonly<Record<string, string>>;
  readonly heartbeat?: boolean;
  /** Looks for topics each second and renews its lease as often, so that a bench need not wait; false leaves the shipped intervals. */
  readonly hasty?: boolean;
  /** Further sections of the configuration. */
  readonly more?: string;
  /** Above 1 several daemons of the region share the work. */
  readonly shards?: number;
}

let isBuilt = false;

/**
 * Once a process of ours. Run from its sources the daemon would hold what strips the types besides, 25 MiB that no installed
 * daemon has, and be later to start.
 */
function buildOnce(): void {
  if (isBuilt) return;
  // Results go to stdout: what the compiler has to say does not.
  execFileSync(process.execPath, [join(root, 'scripts/build.ts')], { stdio: ['ignore', 2, 2] });
  isBuilt = true;
}

/** The daemon as it ships, built, in a process of its own, so that its CPU and memory are its own. */
export class BenchDaemon implements AsyncDisposable {
  readonly #options: BenchDaemonOptions;
  readonly #folder: string;
  readonly #port: number;
  #server: SupervisedServer | undefined;

  private constructor(options: BenchDaemonOptions, folder: string, port: number) {
    this.#options = options;
    this.#folder = folder;
    this.#port = port;
  }

  static async create(options: BenchDaemonOptions): Promise<BenchDaemon> {
    buildOnce();
    const folder = await mkdtemp(join(tmpdir(), 'farshore-bench-'));
    const [port] = await freePorts(1);
    await mkdir(join(folder, 'schemas'));
    await writeFile(join(folder, 'schemas', '1.avsc'), JSON.stringify(keySchema));
    await writeFile(join(folder, 'schemas', '2.avsc'), JSON.stringify(valueSchema));
    await writeFile(join(folder, 'token'), 'bench\n', { mode: 0o600 });
    return new BenchDaemon(options, folder, port ?? 0);
  }

  get pid(): number {
    if (this.#server === undefined) throw new Error('the daemon was not started');
    return this.#server.pid;
  }

  /** Resolves once it is active, or works on shards. */
  async start(tables: Readonly<Record<string, string>> = this.#options.tables ?? {}): Promise<void> {
    const configFile = join(this.#folder, 'farshore.yaml');
    await writeFile(configFile, this.#config(tables));
    this.#server = await supervise({
      // As an installed daemon starts: the launcher limits V8's young generation.
      command: join(root, 'dist/farshore'),
      args: ['run', '--config', configFile],
      cwd: root,
      env: { PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}` },
      logFile: join(this.#folder, 'daemon.log'),
      orphanSignal: 'SIGKILL',
      orphanGraceMs: 0,
    });
    await this.until(async () => {
      const { role, shards } = await this.status();
      return role === 'active' || (shards?.held.length ?? 0) > 0;
    });
  }

  async stop(): Promise<void> {
    await this.#server?.end('SIGTERM', 20_000);
  }

  async status(): Promise<DaemonStatus> {
    const answer = await fetch(`http://127.0.0.1:${this.#port}/api/status`, { signal: AbortSignal.timeout(5_000) });
    return (await answer.json()) as DaemonStatus;
  }

  async metrics(): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${this.#port}/metrics`, { signal: AbortSignal.timeout(5_000) });
    return await answer.text();
  }

  async until(condition: () => Promise<boolean>, withinSeconds = 300): Promise<void> {
    const startedMs = performance.now();
    while (!(await condition().catch(() => false))) {
      if (performance.now() - startedMs > withinSeconds * 1000) throw new Error(await this.#overdue(withinSeconds));
      await delay(50);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.end('SIGKILL', 1_000);
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** What the daemon says of itself: its folder, with the log, is gone by the time the error is read. */
  async #overdue(withinSeconds: number): Promise<string> {
    const status = await this.status().then(JSON.stringify, (error: unknown) => `none: ${String(error)}`);
    const log = await tailOfLog(join(this.#folder, 'daemon.log'));
    return `not within ${withinSeconds} s; the daemon's status: ${status}\nthe end of its log:\n${log}`;
  }

  #config(tables: Readonly<Record<string, string>>): string {
    const { rig, database, region, topics, heartbeat = false, hasty = true, more = '', shards = 1 } = this.#options;
    const entries = Object.entries(tables).map(
      ([topic, table]) => `    - { topic: ${topic}, table: ${table}, key: [id], version: updated_at }\n`,
    );
    return `region: ${region}
primary:
  name: us-east
  kafka: { brokers: ["${rig.primary.bootstrap}"] }
  registry: { directory: schemas }
  heartbeat: { enabled: ${heartbeat} }
regional:
  kafka: { brokers: ["${rig.regional.bootstrap}"] }
  database: { url: "${database}" }
mirror:
  topics: [${topics.map((topic) => JSON.stringify(topic)).join(', ')}]
${hasty ? '  refreshSeconds: 1\n' : ''}${shards === 1 ? '' : `  shards: ${shards}\n`}apply:
  schema: validate
  tables:${entries.length === 0 ? ' []\n' : `\n${entries.join('')}`}${hasty ? 'lease: { ttlMs: 3000 }\n' : ''}admin: { listen: "127.0.0.1:${this.#port}", tokenFile: token }
log: { level: info }
${more}`;
  }
}
