import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { alertGroups } from '../../scripts/deploy/alerts.ts';
import { repositoryRoot } from '../rig/paths.ts';
import { findTool, tools } from '../rig/tools.ts';

const run = promisify(execFile);
const promtool = await findTool(tools.promtool);
const folder = join(repositoryRoot, 'deploy', 'prometheus');

describe.skipIf(promtool === undefined)('the rules in promtool (needs promtool, of the Debian package prometheus)', () => {
  it('are rules', async () => {
    const { stdout } = await run(promtool!, ['check', 'rules', 'farshore.rules.yml'], { cwd: folder });
    expect(stdout).toContain('SUCCESS');
  });

  // Some 75 s of one core's time, half of it for the alert that waits for two days.
  it('fire, and stay quiet, each alert as its list says', { timeout: 480_000 }, async () => {
    const { stdout } = await run(promtool!, ['test', 'rules', 'farshore.test.yml'], { cwd: folder });
    expect(stdout).toContain('SUCCESS');
    // Nothing says how many tests ran: that each alert has both is read from the file.
    const tests = await readFile(join(folder, 'farshore.test.yml'), 'utf8');
    for (const { name } of Object.values(alertGroups).flat()) {
      expect(tests).toContain(`name: ${name} fires\n`);
      expect(tests).toContain(`name: ${name} stays quiet\n`);
    }
  });

  it('fail their tests when a threshold is another one', async () => {
    const copy = await mkdtemp(join(tmpdir(), 'farshore-rules-'));
    try {
      await cp(folder, copy, { recursive: true });
      const rules = await readFile(join(copy, 'farshore.rules.yml'), 'utf8');
      await writeFile(join(copy, 'farshore.rules.yml'), rules.replace('== 1)) > 60\n', '== 1)) > 61\n'));
      const { tests, ...rest } = parse(await readFile(join(copy, 'farshore.test.yml'), 'utf8')) as { tests: { name: string }[] };
      const lagOnly = tests.filter(({ name }) => name.startsWith('FarshoreReplicationLagHigh'));
      await writeFile(join(copy, 'farshore.test.yml'), stringify({ ...rest, tests: lagOnly }));
      await expect(run(promtool!, ['test', 'rules', 'farshore.test.yml'], { cwd: copy })).rejects.toThrow(/FarshoreReplicationLagHigh/);
    } finally {
      await rm(copy, { recursive: true });
    }
  });
});
