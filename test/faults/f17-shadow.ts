import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { createTopic, eventually, kafkajsFor } from '../rig/context.ts';
import { freePorts } from '../rig/ports.ts';
import { startRig } from '../rig/rig.ts';
import { rowValue, TestDaemon } from '../scenario/daemon.ts';
import { hostileBytes, hostileRequests, sendBytes } from './abuse.ts';
import { judge, ledgerDdl } from './ledger.ts';
import { compareWindows } from './shadow-windows.ts';
import type { Trial } from './trial.ts';

const TOPIC = 'shadowed';
const DEADLINE_MS = 60_000;
const RECORDS_A_SECOND = 400;
const WINDOW_RECORDS = 2_000;
const USERS_A_SECOND = 100;
const MOST_RESIDENT_MIB = 600;
const SLOW_CONNECTIONS = 200;
const LEAST_ASKED = 3;
/** A user who waits longer for the primary, which answers at once, waited for the shadow. */
const MOST_USER_MS = 2_000;

/** How the region's service behaves. */
const moods = ['fine', 'slow', 'failing', 'broken', 'hanging', 'huge', 'redirecting', 'gone'] as const;
type Mood = (typeof moods)[number];

/**
 * F17: a region whose service is slow, fails, hangs, answers without an end or sends on to elsewhere, and people who abuse what listens.
 * Records are applied meanwhile, once each; users are answered from the primary; nothing that changes something is asked of the
 * region, nothing of the abuse is passed on, and the memory stays bounded. The long form also holds apply's p99 against that beside the same users without
 * shadow, window by window in turn.
 */
export const f17: Trial = async ({ full, say }) => {
  const [requestsPerMood, recordsPerMood] = full ? [3_000, 3_000] : [400, 300];
  await using rig = await startRig();
  const url = await rig.database.createDatabase('trial');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await using _client = { [Symbol.asyncDispose]: () => client.end() };
  await client.query(
    `create table ${TOPIC} (id integer primary key, note text not null, version integer not null, farshore_version bytea,
       applied_at timestamptz not null default clock_timestamp());\n${ledgerDdl(TOPIC)}`,
  );
  await createTopic(rig.primary.bootstrap, { topic: TOPIC, partitions: 1 });
  await using trap = await service(() => undefined);
  let mood: Mood = 'fine';
  await using region = await service((message, response) => behave(mood, message, response, trap.port));
  await using sink = await service((_message, response) => void response.writeHead(202).end());
  await using primary = await service((_message, response) => void response.end('{"fine":true}'));
  const [listen = 0, proxy = 0] = await freePorts(2);
  await using daemon = await TestDaemon.create({
    primary: rig.primary.bootstrap,
    regional: rig.regional.bootstrap,
    database: url,
    region: 'trial',
    topics: [TOPIC],
    tables: [`{ topic: ${TOPIC}, table: public.${TOPIC}, version: version }`],
    extra: [
      'shadow:',
      `  targets: { primary: { url: "http://127.0.0.1:${primary.port}" }, region: { url: "http://127.0.0.1:${region.port}" } }`,
      `  listen: "127.0.0.1:${listen}"`,
      `  proxyListen: "127.0.0.1:${proxy}"`,
      '  maxPerSecond: 2000',
      '  concurrency: 8',
      '  timeoutMs: 500',
      '  breakerResetMs: 200',
      '  queue: { requests: 500, bytes: 4194304 }',
      '  safe: ["POST /search", "POST /search/*"]',
    ],
  });
  const producer = kafkajsFor(rig.primary.bootstrap).producer();
  await producer.connect();
  await using _producer = { [Symbol.asyncDispose]: () => producer.disconnect() };
  await daemon.start();
  const atRestMiB = residentMiB(daemon.pid, 'VmRSS');

  const expected = new Map<number, number>();
  /** A steady stream, each record with the time it was sent in its note. */
  const write = async (records: number): Promise<void> => {
    const startMs = performance.now();
    for (let sent = 0; sent < records; sent += 10) {
      // At the same rate whatever else goes on: a writer that is slowed down would make apply look fast.
      await delay(Math.max(0, startMs + (sent * 1_000) / RECORDS_A_SECOND - performance.now()));
      const messages = Array.from({ length: 10 }, () => {
        const id = expected.size;
        expected.set(id, 1);
        return { key: String(id), value: rowValue(id, String(Date.now()), 1) };
      });
      await producer.send({ topic: TOPIC, messages });
    }
  };
  const applied = (): Promise<true> =>
    eventually(
      async () => {
        const { rows } = await client.query<{ n: string }>(`select count(*) as n from ${TOPIC}`);
        return Number(rows[0]?.n) >= expected.size;
      },
      { deadlineMs: DEADLINE_MS, what: 'every record being applied' },
    );

  // The first records find everything cold.
  await write(recordsPerMood);
  await applied();
  let slowestUserMs = 0;
  let unanswered = 0;
  const user = async (n: number): Promise<void> => {
    const changing = n % 10 === 0;
    const startMs = performance.now();
    const answer = await fetch(`http://127.0.0.1:${proxy}/orders/${n}`, changing ? { method: 'DELETE', body: 'x' } : {});
    const text = await answer.text();
    if (answer.status !== 200 || text !== '{"fine":true}') {
      unanswered++;
      say(`${mood}: a user's ${changing ? 'DELETE' : 'GET'} was answered ${answer.status} ${text.slice(0, 200)}`);
    }
    slowestUserMs = Math.max(slowestUserMs, performance.now() - startMs);
  };
  const mirrored = async (n: number): Promise<void> => {
    const method = ['GET', 'GET', 'GET', 'DELETE', 'POST'][n % 5]!;
    const answer = await fetch(`http://127.0.0.1:${listen}/orders/${n}`, {
      method,
      headers: { 'x-forwarded-host': 'evil', cookie: 'session=user' },
    });
    if (answer.status !== 202) {
      unanswered++;
      say(`${mood}: a mirrored ${method} was answered ${answer.status} ${(await answer.text()).slice(0, 200)}`);
    }
  };
  const windows = full
    ? await compareWindows({
        write: async (bare, calm) => {
          mood = calm;
          const from = expected.size;
          await Promise.all([
            write(WINDOW_RECORDS),
            paced(WINDOW_RECORDS / RECORDS_A_SECOND, (n) =>
              bare ? ask(n % 2 === 0 ? primary.port : sink.port, n) : n % 2 === 0 ? user(n) : mirrored(n),
            ),
          ]);
          await applied();
          return [from, expected.size];
        },
        latenciesMs: async ([from, to]) => {
          const sql = `select extract(epoch from applied_at) * 1000 - note::bigint as ms from ${TOPIC} where id >= $1 and id < $2`;
          return (await client.query<{ ms: string }>(sql, [from, to])).rows.map(({ ms }) => Number(ms));
        },
        say,
      })
    : undefined;
  let met = true;
  for (const next of moods) {
    mood = next;
    if (next === 'gone') await region.close();
    const writing = write(recordsPerMood);
    const askedBefore = region.asked.length;
    for (let n = 0; n < requestsPerMood; n += 20) {
      await Promise.all(Array.from({ length: 20 }, (_, k) => (k % 2 === 0 ? user(n + k) : mirrored(n + k))));
    }
    await writing;
    await applied();
    // The breaker lets one question through now and then: each mood has to be met.
    let n = 0;
    const isMet = async (): Promise<boolean> => {
      await mirrored(n++ * 5);
      return region.asked.length >= askedBefore + LEAST_ASKED;
    };
    if (next !== 'gone') met &&= await eventually(isMet, { everyMs: 50, what: next }).catch(() => false);
    say(`${next}: ${region.asked.length} questions to the region so far, ${residentMiB(daemon.pid, 'VmHWM')} MiB at most`);
  }
  let passedOn = 0;
  for (const [what, bytes] of Object.entries(hostileBytes)) {
    for (const port of [listen, proxy]) {
      const answer = await sendBytes(port, bytes);
      if (/^HTTP\/1\.1 (?!4)/m.test(answer)) {
        passedOn++;
        say(`${what}: answered ${answer.split('\r\n', 1)[0]}`);
      }
    }
  }
  const replayed = await fetch(`${daemon.url}/api/shadow/requests`, {
    method: 'POST',
    headers: { authorization: 'Bearer scenario-token', 'content-type': 'application/json' },
    body: JSON.stringify({ requests: hostileRequests }),
  });
  const { outcomes } = (await replayed.json()) as { readonly outcomes: readonly string[] };
  const taken = outcomes.filter((outcome) => !outcome.startsWith('skipped:')).length;
  await floodSlowly(listen);
  await write(recordsPerMood);
  await applied();

  const mostMiB = residentMiB(daemon.pid, 'VmHWM');
  const metrics = await (await fetch(`${daemon.url}/metrics`)).text();
  const shed = metricSum(metrics, /^farshore_shadow_requests_total\{.*outcome="(queue_full|rate|busy|stopping)".*\} (\d+)/gm);
  const seen = [...region.asked, ...primary.asked.filter((asked) => asked.headers['farshore-shadow'] !== undefined)];
  const unsafe = region.asked.filter(({ method }) => method !== 'GET').length + seen.filter(({ method }) => method !== 'GET').length;
  const leaked = seen.filter(
    ({ url: asked = '', headers }) =>
      asked.includes('smuggled') ||
      headers.cookie !== undefined ||
      headers['x-forwarded-host'] !== undefined ||
      headers['x-http-method-override'] !== undefined,
  ).length;
  say(
    `${seen.length} questions in all, ${shed} shed, ${unsafe} unsafe, ${leaked} leaked; users waited ${Math.round(slowestUserMs)} ms at most; ` +
      `${mostMiB} MiB at most, ${atRestMiB} at rest`,
  );
  return {
    ...(await judge(client, TOPIC, expected)),
    cases: moods.length + 2 * Object.keys(hostileBytes).length + hostileRequests.length,
    holds: {
      everyMoodMet: met,
      noUnsafeMethodSent: unsafe === 0,
      abuseRefused: passedOn === 0 && taken === 0 && outcomes.length === hostileRequests.length,
      nothingLeaked: leaked === 0,
      redirectsNotFollowed: trap.asked.length === 0,
      usersAnswered: unanswered === 0 && slowestUserMs <= MOST_USER_MS,
      loadShed: shed > 0,
      boundedMemory: mostMiB <= MOST_RESIDENT_MIB,
      ...(windows === undefined ? {} : { applyUnchanged: windows.unchanged }),
    },
  };
};

const ask = async (port: number, n: number): Promise<void> => {
  await (await fetch(`http://127.0.0.1:${port}/orders/${n}`)).arrayBuffer();
};

/** Users that come at their own rate, whatever the answers take. */
async function paced(seconds: number, one: (n: number) => Promise<void>): Promise<void> {
  const startMs = performance.now();
  const asked: Promise<void>[] = [];
  for (let n = 0; n < seconds * USERS_A_SECOND; n++) {
    await delay(Math.max(0, startMs + (n * 1_000) / USERS_A_SECOND - performance.now()));
    asked.push(one(n));
  }
  await Promise.all(asked);
}

interface Service extends AsyncDisposable {
  readonly port: number;
  readonly asked: readonly IncomingMessage[];
  close(): Promise<void>;
}

async function service(answer: (message: IncomingMessage, response: ServerResponse) => void): Promise<Service> {
  const asked: IncomingMessage[] = [];
  const server = createServer((message, response) => {
    asked.push(message);
    message.resume();
    answer(message, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
  };
  return { port: (server.address() as AddressInfo).port, asked, close, [Symbol.asyncDispose]: close };
}

const SLOW_MS = 300;

function behave(mood: Mood, message: IncomingMessage, response: ServerResponse, trapPort: number): void {
  switch (mood) {
    case 'fine':
      response.end('{"fine":true}');
      return;
    case 'slow':
      setTimeout(() => response.end('{"fine":true}'), SLOW_MS);
      return;
    case 'failing':
      response.writeHead(503).end();
      return;
    case 'broken':
      message.socket.destroy();
      return;
    case 'huge': {
      const chunk = Buffer.alloc(65_536, 120);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
      return;
    }
    case 'redirecting':
      response.writeHead(302, { location: `http://127.0.0.1:${trapPort}/` }).end();
      return;
    case 'hanging':
    case 'gone':
  }
}

/** Many that begin a body and never end it; gone when the memory was looked at. */
async function floodSlowly(port: number): Promise<void> {
  const sockets = Array.from({ length: SLOW_CONNECTIONS }, () => connect(port, '127.0.0.1'));
  const head = 'POST /search HTTP/1.1\r\nHost: a\r\nContent-Length: 262144\r\n\r\n';
  await Promise.all(
    sockets.map(async (socket) => {
      socket.on('error', () => undefined);
      await new Promise((written) => socket.write(head + 'x'.repeat(200_000), written));
    }),
  );
  for (const socket of sockets) socket.destroy();
}

const metricSum = (text: string, pattern: RegExp): number =>
  [...text.matchAll(pattern)].reduce((sum, [, , value]) => sum + Number(value), 0);

function residentMiB(pid: number, what: 'VmRSS' | 'VmHWM'): number {
  const kib = new RegExp(`${what}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kib) / 1_024);
}
