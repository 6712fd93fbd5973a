import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../rig/paths.ts';
import { onPath } from '../rig/tools.ts';

const run = promisify(execFile);
const analyze = await onPath('systemd-analyze');
const unit = join(repositoryRoot, 'deploy', 'systemd', 'farshore@.service');

/** The unit as an instance, its program replaced by one that exists here, and with `change` made to it. */
async function asInstalled<T>(change: (text: string) => string, use: (file: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'farshore-unit-'));
  try {
    const text = await readFile(unit, 'utf8');
    const file = join(folder, 'farshore@eu-west.service');
    await writeFile(file, change(text.replace('ExecStart=/usr/bin/farshore', 'ExecStart=/bin/true')));
    return await use(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const verify = (file: string) => run(analyze!, ['verify', file]);
const security = (file: string) => run(analyze!, ['security', '--offline=true', '--threshold=15', '--no-pager', file]);
const same = (text: string): string => text;

describe.skipIf(analyze === undefined)('the systemd unit (needs systemd-analyze)', () => {
  it('is understood without a complaint', async () => {
    const { stdout, stderr } = await asInstalled(same, verify);
    expect(stdout + stderr).toBe('');
  });

  it('of which one line is misspelt is complained about', async () => {
    const { stderr } = await asInstalled((text) => text.replace('WatchdogSec=30', 'WatchdogSecs=30'), verify);
    expect(stderr).toContain('WatchdogSecs');
  });

  it('is exposed by 1.5 at most', async () => {
    const { stdout } = await asInstalled(same, security);
    expect(Number(/Overall exposure level for .*: ([\d.]+)/.exec(stdout)?.[1])).toBeLessThanOrEqual(1.5);
  });

  it('without its filter of system calls is exposed by more', async () => {
    await expect(asInstalled((text) => text.replaceAll(/^SystemCallFilter=.*$/gm, ''), security)).rejects.toThrow();
  });

  it('never forbids what V8 needs to start', async () => {
    expect(await readFile(unit, 'utf8')).not.toMatch(/^MemoryDenyWriteExecute=/m);
  });
});
