import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { alertGroups } from '../../../scripts/deploy/alerts.ts';
import { recordingRules } from '../../../scripts/deploy/lag-objective.ts';
import { generatedDeployFiles } from '../../../scripts/generate-deploy.ts';
import { instruments } from '../../../src/metrics/instruments.ts';
import { repositoryRoot } from '../../rig/paths.ts';
import { anchorsOf } from './documents.ts';

const alerts = Object.values(alertGroups).flat();

describe('alerts', () => {
  it.each(alerts.map(({ name, runbook }) => [name, runbook] as const))('%s leads to %s', (_name, runbook) => {
    const [page = '', anchor = ''] = runbook.split('#');
    expect(anchorsOf(readFileSync(join(repositoryRoot, 'docs', 'runbooks', page), 'utf8'))).toContain(anchor);
  });

  it('have names of their own, that do not say how severe they are', () => {
    const names = alerts.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => /critical|warning|info/i.test(name))).toEqual([]);
  });

  it('use in their description the labels they have', () => {
    for (const { name, description, fires } of alerts) {
      const used = [...description.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label);
      expect([name, used.filter((label) => !(label in fires.labels))]).toEqual([name, []]);
      expect([name, description.includes('$value')]).toEqual([name, fires.value !== undefined]);
    }
  });
});

describe('what stands still without an error', () => {
  const exprs = alerts.map(({ expr }) => expr);
  it.each([
    ['partitions that wait', /farshore_partitions\{[^}]*state="waiting"\}\) > 0/],
    ['a shard that no daemon holds', /farshore_shards\) - sum by \(region\) \(farshore_shards_held\) > 0/],
  ])('%s raises an alert', (_what, read) => {
    expect(exprs.filter((expr) => read.test(expr))).toHaveLength(1);
  });
});

describe('what looks at the mirror, or at the path through it', () => {
  const looks = alerts.filter(({ expr }) => /lag_seconds|lag_known|lag_records|headroom|heartbeat_age|audit_pass_age|lag_bad/.test(expr));
  it.each(looks.map(({ name, expr }) => [name, expr]))(
    '%s leaves it out once the home is here: it rests for as long as that is so',
    (_name, expr) => {
      const rules = expr.includes('farshore:lag_bad') ? recordingRules.map((rule) => rule.expr).join() : expr;
      expect(rules).toContain('farshore_cutover_state{state=~"switched|completed"}');
    },
  );
});

/** Absent until something happened for the first time, or while it is not known: a limit alone never fires then. */
const absentAtFirst = Object.entries(instruments).flatMap(([name, { type, help }]) =>
  type === 'gauge' && /absent (before the first|until one|while that is not known)/i.test(help) ? [name] : [],
);
/** farshore_lag_known is 0 then, and has an alert. */
const toldOtherwise = ['farshore_replication_lag_seconds'];

describe('what is absent until it first happened', () => {
  const limited = absentAtFirst.filter((name) => alerts.some(({ expr }) => new RegExp(`\\b${name}\\) >`).test(expr)));

  it('is found by the help of its instrument', () => {
    expect(limited).toEqual(expect.arrayContaining(['farshore_heartbeat_age_seconds', 'farshore_audit_pass_age_seconds']));
  });

  it.each([...limited.filter((name) => !toldOtherwise.includes(name)), 'farshore_outbox_oldest_seconds'])(
    '%s has an alert for that it never came, beside the one of its limit',
    (name) => {
      expect(alerts.filter(({ expr }) => new RegExp(`unless .*\\b${name}\\b`).test(expr)).map((one) => one.name)).toHaveLength(1);
    },
  );

  it('rows that the audit could not settle have one too', () => {
    expect(alerts.some(({ expr }) => expr.includes('(farshore_audit_unsettled) > 0'))).toBe(true);
  });
});

describe('what a daemon tells once, when it starts', () => {
  it('is read from a gauge: a counter has risen before the first scrape, and no increase is seen', () => {
    expect(alerts.filter(({ expr }) => /increase\(farshore_topic_changes_total/.test(expr)).map(({ name }) => name)).toEqual([]);
  });
});

describe('a counter whose series begins with the first event of a table, topic or route', () => {
  // Those of closed labels are there with 0 from the start.
  const begin = alerts.flatMap(({ name, expr }) =>
    [...expr.matchAll(/^sum by \([^)]*\) \(increase\((\w+)(?:\{[^}]*\})?\[\w+\]\)\) > 0/g)].flatMap(([, counter = '']) =>
      Object.values(instruments[counter as keyof typeof instruments].labels).some((values) => typeof values === 'string')
        ? [[name, counter, expr] as const]
        : [],
    ),
  );

  it('is found', () => {
    expect(begin.map(([name]) => name)).toEqual(expect.arrayContaining(['FarshoreRecordsLost', 'FarshoreRogueWrites']));
  });

  it.each(begin)('%s sees that first event, which no increase does', (_name, counter, expr) => {
    expect(expr).toMatch(new RegExp(`\\(${counter}(\\{[^}]*\\})? unless ${counter}(\\{[^}]*\\})? offset \\w+\\) > 0`));
  });
});

describe('the board', () => {
  it('fills nothing in with 0 by a metric that is there when nothing is measured', () => {
    const board = JSON.parse(generatedDeployFiles().get('deploy/grafana/farshore.json')!) as unknown;
    const filled = [...JSON.stringify(board).matchAll(/"expr":"([^"]*(?:\\.[^"]*)*) or 0 \* max by \(region\) \((\w+)/g)];
    expect(filled.length).toBeGreaterThan(0);
    for (const [, expr = '', by = ''] of filled) expect(expr).toContain(`${by}{`);
  });
});

describe('files made from lists in the code', () => {
  it.each([...generatedDeployFiles()])('%s is what node scripts/generate-deploy.ts writes', (path, text) => {
    expect(readFileSync(join(repositoryRoot, path), 'utf8')).toBe(text);
  });
});
