import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { createTopic, eventually } from '../rig/context.ts';
import { startRig } from '../rig/rig.ts';
import { rowSchema, rowTable, TestDaemon } from '../scenario/daemon.ts';
import { adminRoutes, ask, oddities, refusals, slowClients, statusesOf } from './admin-abuse.ts';
import type { Trial } from './trial.ts';
import { TrialRegistry } from './trial-registry.ts';

const SLOW_LIMIT_SECONDS = 20;
const MEMORY_LIMIT_MIB = 300;

/** Secrets that are wrong nowhere, and must be seen nowhere. */
const canaries = { token: 'canary-token-51c2', database: 'canary-database-9a07', registry: 'canary-registry-e33b' } as const;

/** F16: the admin server refuses whoever may not ask, holds against slow and odd clients, and no secret is in any answer or log line. */
export const f16: Trial = async ({ full, say }) => {
  await using rig = await startRig();
  const url = await rig.database.createDatabase('trial');
  const topic = 'guarded';
  await createTopic(rig.primary.bootstrap, { topic, partitions: 1 });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(rowTable(topic));
  await client.end();
  await using registry = await TrialRegistry.start(JSON.stringify(rowSchema));
  const login = new URL(url);
  login.password = canaries.database;
  await using daemon = await TestDaemon.create({
    primary: rig.primary.bootstrap,
    regional: rig.regional.bootstrap,
    database: login.href,
    region: 'trial',
    topics: [topic],
    tables: [`{ topic: ${topic}, table: public.${topic}, version: version }`],
    registry: `{ url: "${registry.url}", username: farshore, password: "${canaries.registry}" }`,
    files: { token: `${canaries.token}\n` },
  });
  await daemon.start();
  const seen: string[] = [];
  const letIn: string[] = [];
  let cases = 0;

  const routes = await adminRoutes();
  const changing = routes.filter(({ method }) => method !== 'GET' && method !== 'HEAD');
  for (const route of changing) {
    for (const [what, { headers, body }] of Object.entries(refusals(canaries.token))) {
      const answer = await ask(daemon.url, route, { headers, body });
      seen.push(answer.body);
      cases++;
      if (answer.status < 400 || answer.status >= 500) letIn.push(`${route.method} ${route.path} with ${what}: ${answer.status}`);
    }
  }
  for (const bytes of oddities) {
    const statuses = await statusesOf(daemon.url, bytes);
    cases++;
    // The page itself may be answered where the request is whole: the second Host decides, not the first.
    if (statuses.some((status) => status < 400)) letIn.push(`${JSON.stringify(bytes.slice(0, 60))}: ${statuses}`);
  }
  for (const message of letIn) say(`let in: ${message}`);
  say(`${changing.length} changing routes, ${cases} requests, ${letIn.length} let in`);

  const actions = (await (await fetch(`${daemon.url}/api/partitions/log`)).json()) as { readonly actions: readonly unknown[] };
  const slow = full ? [50, 200, 400] : [200];
  let heldSeconds = 0;
  for (const count of slow) heldSeconds = Math.max(heldSeconds, await slowClients(daemon.url, count));
  const answersAgain = (await ask(daemon.url, { method: 'GET', path: '/livez' })).status === 200;
  say(`slow clients were ended after ${heldSeconds.toFixed(1)} s at most`);
  cases += slow.length;

  // What fails is what talks: a login that is refused, a registry that is gone, a database that is gone.
  registry.status = 401;
  await fetch(`${daemon.url}/api/schema?topic=${topic}`);
  await rig.database.stop('immediate');
  await eventually(async () => (await daemon.log()).includes('database_unreachable') || (await daemon.log()).includes('"up":false'), {
    what: 'the daemon telling that the database is gone',
  });
  for (const route of routes.filter(({ method }) => method === 'GET')) {
    for (const headers of [{}, { authorization: `Bearer ${canaries.token}` }]) {
      seen.push((await ask(daemon.url, route, { headers }).catch(() => ({ body: '' }))).body);
      cases++;
    }
  }
  for (const args of [['status'], ['lag'], ['status', '-o', 'json']])
    seen.push(await daemon.cli(args).catch((error: Error) => error.message));
  const memoryMib = Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${daemon.pid}/status`, 'utf8'))?.[1]) / 1024;
  await daemon.stop();
  seen.push(await daemon.log());
  const told = Object.entries(canaries).filter(([, canary]) => seen.some((text) => text.includes(canary)));
  for (const [name] of told) say(`the ${name} secret was seen`);
  say(`${seen.length} texts of ${Math.round(seen.join('').length / 1024)} KiB searched; ${Math.round(memoryMib)} MiB at most`);
  return {
    lost: 0,
    duplicated: 0,
    stale: 0,
    cases,
    holds: {
      allRefused: letIn.length === 0,
      nothingChanged: actions.actions.length === 0,
      slowEnded: heldSeconds < SLOW_LIMIT_SECONDS,
      answersAgain,
      noSecretTold: told.length === 0,
      memoryBounded: memoryMib < MEMORY_LIMIT_MIB,
    },
  };
};
