import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ShadowRequest } from '../../src/shadow/contracts.ts';
import { eventually } from '../rig/context.ts';
import { type MirroredService, startMirroredService } from '../rig/mirrored-service.ts';
import { repositoryRoot } from '../rig/paths.ts';
import { freePorts } from '../rig/ports.ts';

const usable = spawnSync('nginx', ['-v']).status === 0;

/** A real nginx in front of a service, with the snippet of deploy/nginx as it is but for the port. */
describe.skipIf(!usable)('mirroring by nginx (needs nginx; on Debian, apt-get install nginx-light or nginx)', () => {
  const cleanup = new AsyncDisposableStack();
  let port = 0;
  let behind: MirroredService;

  beforeAll(async () => {
    behind = cleanup.use(await startMirroredService());
    const folder = await mkdtemp(join(tmpdir(), 'farshore-nginx-'));
    cleanup.defer(() => rm(folder, { recursive: true, force: true }));
    [port = 0] = await freePorts(1);
    const snippet = await readFile(join(repositoryRoot, 'deploy/nginx/farshore-mirror.conf'), 'utf8');
    expect(snippet).toContain('http://127.0.0.1:8321$request_uri');
    await writeFile(join(folder, 'mirror.conf'), snippet.replace(':8321$', `:${behind.listenerPort}$`));
    await writeFile(join(folder, 'nginx.conf'), nginxConf(folder, port, behind.servicePort));
    const nginx = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-g', 'daemon off;'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    cleanup.defer(() => ended(nginx));
    await answering(nginx, port);
  });

  afterAll(() => cleanup.disposeAsync());

  const next = (): Promise<ShadowRequest> => behind.next();

  it('copies a request with its path and query, and answers the user from the service', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/orders/a%20b?page=2&x=%2F`, {
      headers: { 'X-Tenant': 't1', Cookie: 'session=user', Authorization: 'Bearer user', 'X-Original-URI': '/forged' },
    });
    expect(await answer.text()).toBe('GET /orders/a%20b?page=2&x=%2F');
    const copy = await next();
    expect(copy).toMatchObject({ method: 'GET', path: '/orders/a%20b', query: 'page=2&x=%2F', body: undefined });
    expect(copy.headers.get('x-tenant')).toBe('t1');
    expect(copy.headers.has('cookie') || copy.headers.has('authorization')).toBe(false);
    expect(copy.headers.get('x-original-uri')).toBe('/orders/a%20b?page=2&x=%2F');
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

const nginxConf = (folder: string, port: number, service: number): string => `
pid ${folder}/nginx.pid;
error_log stderr;
worker_processes 1;
events { worker_connections 64; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${service};
      mirror /farshore-mirror;
      mirror_request_body off;
    }
    include ${folder}/mirror.conf;
  }
}
`;

async function answering(nginx: ChildProcess, port: number): Promise<void> {
  let said = '';
  nginx.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  // The location is internal: from outside it is not there.
  const isUp = async (): Promise<boolean> => {
    if (nginx.exitCode !== null) throw new Error(`nginx ended: ${said}`);
    return (await fetch(`http://127.0.0.1:${port}/farshore-mirror`).catch(() => undefined))?.status === 404;
  };
  await eventually(isUp, { what: 'nginx answering' });
}

async function ended(nginx: ChildProcess): Promise<void> {
  if (nginx.exitCode !== null) return;
  const exited = once(nginx, 'exit');
  nginx.kill('SIGTERM');
  await exited;
}
