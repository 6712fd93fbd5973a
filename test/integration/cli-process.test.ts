import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configText, status } from '../unit/cli/fixtures.ts';

const main = join(import.meta.dirname, '../../src/main.ts');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'farshore-cli-'));
  await writeFile(join(folder, 'good.yaml'), configText);
  await writeFile(join(folder, 'bad.yaml'), configText.replace('region: eu-west', 'regoin: eu-west'));
  await writeFile(join(folder, 'token'), 'sesame\n');
});
afterAll(async () => await rm(folder, { recursive: true }));

async function farshore(...args: readonly string[]) {
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, env: { ...process.env, DATABASE_PASSWORD: 'canary' } });
  const [out, err] = [text(child.stdout), text(child.stderr)];
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out: await out, err: await err };
}

describe('the farshore process', () => {
  it('ends with 0 when all is well, data on stdout', async () => {
    const { code, out, err } = await farshore('config', 'print', '--config', 'good.yaml', '-o', 'json');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(JSON.parse(out)).toMatchObject({ region: 'eu-west', admin: { tokenFile: join(folder, 'token') } });
    expect(out).not.toMatch(/canary|sesame/);
  });

  it('ends with 2 when the command line is wrong', async () => {
    expect(await farshore('partition', 'resume')).toMatchObject({ code: 2, out: '' });
  });

  it('ends with 78 when the configuration is bad, without loading the daemon', async () => {
    const { code, out, err } = await farshore('run', '--config', 'bad.yaml');
    expect({ code, out }).toEqual({ code: 78, out: '' });
    expect(err).toContain('bad.yaml:1:1: unknown key regoin (did you mean region?)');
  });

  it('ends with 1 when the daemon cannot be reached', async () => {
    const { code, err } = await farshore('status', '--url', 'http://127.0.0.1:1');
    expect(code).toBe(1);
    expect(err).toContain('error[daemon_unreachable]');
  });

  it('renders what a daemon answers, without colours into a pipe', async () => {
    const server = createServer((_incoming, response) => response.end(JSON.stringify(status))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { code, out } = await farshore('status', '--url', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.close();
    expect(code).toBe(0);
    expect(out).toContain('primary kafka      down: no broker answered');
    expect(out).not.toContain('\u001b');
  });

  it('survives a reader that closes the pipe early', async () => {
    const child = spawn(process.execPath, [main, 'config', 'schema']);
    child.stdout.destroy();
    const err = text(child.stderr);
    const [code] = (await once(child, 'close')) as [number | null];
    expect({ code, err: await err }).toEqual({ code: 0, err: '' });
  });

  it('offers a completion that bash takes', async () => {
    const { out } = await farshore('completion', 'bash');
    const script = `${out}\nCOMP_WORDS=(farshore partition res); COMP_CWORD=2; _farshore; echo "\${COMPREPLY[*]}"`;
    expect(await text(spawn('bash', ['--norc', '-c', script]).stdout)).toBe('resume\n');
    const outputs = (verb: string) =>
      `COMP_WORDS=(farshore ${verb} -o ""); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _farshore; echo "\${COMPREPLY[*]}"`;
    const both = `${out}\n${outputs('schema docs')}; ${outputs('schema diff')}`;
    expect(await text(spawn('bash', ['--norc', '-c', both]).stdout)).toBe('markdown json\nhuman json\n');
  });
});
