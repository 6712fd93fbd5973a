import type { CliIo } from '../../../src/cli/io.ts';
import type { HttpAnswer, HttpRequest } from '../../../src/http/request.ts';
import type { DaemonStatus, LagValue, StageStatus } from '../../../src/model/status.ts';

interface Sent extends HttpRequest {
  readonly url: string;
}

export interface TestIo extends CliIo {
  readonly out: () => string;
  readonly err: () => string;
  readonly sent: readonly Sent[];
  readonly written: ReadonlyMap<string, string>;
}

/** A CLI without a process: what it writes and sends is kept, what it asks for is given. */
export function testIo(
  over: Partial<CliIo> & { readonly answer?: HttpAnswer; readonly files?: Readonly<Record<string, string>> } = {},
): TestIo {
  let out = '';
  let err = '';
  const sent: Sent[] = [];
  const written = new Map<string, string>();
  const files = over.files ?? {};
  const refuse = (): never => {
    throw new Error('the daemon was not meant to be loaded');
  };
  return {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    color: false,
    env: {},
    readFile: (path) => files[path] ?? missing(path),
    writeFile: (path, text, how) => {
      if (how === 'new' && (path in files || written.has(path))) throw Object.assign(new Error(path), { code: 'EEXIST' });
      written.set(path, text);
    },
    signal: new AbortController().signal,
    send: async (url, request) => {
      sent.push({ url, ...request });
      return over.answer ?? { status: 200, body: JSON.stringify(status) };
    },
    prompt: undefined,
    daemon: { runDaemon: refuse, checkAll: refuse, survey: refuse, applyMigrations: refuse, printMigrations: refuse },
    version: '0.1.0',
    operator: 'ada@gate',
    ...over,
    out: () => out,
    err: () => err,
    sent,
    written,
  };
}

function missing(path: string): never {
  throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
}

export const configText = `region: eu-west
primary:
  name: us-east
  kafka: { brokers: ["10.0.0.1:9092"] }
  registry: { directory: ./schemas }
regional:
  kafka: { brokers: ["10.1.0.1:9092"] }
  database: { url: "postgres://farshore:\${DATABASE_PASSWORD:-canary}@10.1.0.9/app" }
mirror:
  topics: ["billing.*"]
admin: { listen: "0.0.0.0:8320", tokenFile: token }
`;

const lag = (seconds: number | null, records: string | null, known = seconds !== null): LagValue => ({ known, seconds, records });

const running: StageStatus = { state: 'running', next: '812', end: '820', code: null, message: null, hint: null, since: null };

export const status: DaemonStatus = {
  region: 'eu-west',
  primary: 'us-east',
  version: '0.1.0',
  role: 'active',
  startedAt: '2026-03-01T10:00:00.000Z',
  leaseEpoch: '7',
  components: [
    { component: 'primary_kafka', up: false, reason: 'no broker answered' },
    { component: 'regional_database', up: true, reason: null },
  ],
  partitions: [
    {
      topic: 'billing.invoices',
      partition: 0,
      mirror: running,
      apply: running,
      lag: { mirror: lag(0.4, '0'), apply: lag(1.25, '8'), total: lag(150, '8') },
    },
    {
      topic: 'billing.invoices',
      partition: 1,
      mirror: {
        ...running,
        state: 'stopped',
        end: null,
        code: 'source_truncated',
        message: 'The log at home starts at 900, the position is 812: 88 records were deleted before they were mirrored',
        hint: 'farshore partition resume billing.invoices:1 --stage mirror --from earliest --accept-loss',
        since: '2026-03-01T11:00:00.000Z',
      },
      apply: null,
      lag: { mirror: lag(null, null), apply: null, total: null },
    },
  ],
  tables: [{ table: 'public.accounts', topic: 'billing.accounts', state: 'stopped', reason: 'column total is missing' }],
  heartbeat: { latencySeconds: 0.035, ageSeconds: 1.2 },
  rejected: [{ table: 'public.invoices', records: 3, parked: 0 }],
  counters: { mirroredRecords: '1200', appliedRecords: '1192' },
};
