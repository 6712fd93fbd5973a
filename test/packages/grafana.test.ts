import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { repositoryRoot } from '../rig/paths.ts';
import { findTool, tools } from '../rig/tools.ts';

const run = promisify(execFile);
const promtool = await findTool(tools.promtool);

interface Board {
  readonly uid: string;
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets?: readonly { readonly expr: string }[];
  }[];
}
const board = JSON.parse(await readFile(join(repositoryRoot, 'deploy', 'grafana', 'farshore.json'), 'utf8')) as Board;
const expressions = board.panels.flatMap(({ targets }) => (targets ?? []).map(({ expr }) => expr));

/** Whether Prometheus could evaluate them, once Grafana has filled its variables in. */
async function check(exprs: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'farshore-board-'));
  try {
    const rules = exprs.map((expr, index) => ({
      record: `board:${index}:expr`,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$(region|topic)/g, '.*'),
    }));
    await writeFile(join(folder, 'board.yml'), stringify({ groups: [{ name: 'board', rules }] }));
    return (await run(promtool!, ['check', 'rules', join(folder, 'board.yml')])).stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('the Grafana board', () => {
  it('has panels of their own ids, none over another', () => {
    expect(board.uid).toBe('farshore');
    expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length);
    const cells = board.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)}:${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...board.panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
  });

  it.each([
    ['the lower bound of the match ratio', 'farshore_shadow_match_ratio_lower_bound'],
    ['verdicts', 'farshore_shadow_comparisons_total'],
    ['how long both sides take', 'sum by (le, side, route) (rate(farshore_shadow_answer_duration_seconds_bucket'],
    ['how long nothing was compared', 'farshore_shadow_last_comparison_age_seconds'],
  ])('shows of the shadow %s', (_what, part) => {
    expect(expressions.filter((expr) => expr.includes(part))).not.toEqual([]);
  });

  it.skipIf(promtool === undefined)('asks only what Prometheus can answer (needs promtool)', async () => {
    expect(expressions.length).toBeGreaterThan(20);
    expect(await check(expressions)).toContain(`${expressions.length} rules found`);
    await expect(check(['sum by (farshore_leader'])).rejects.toThrow();
  });
});
