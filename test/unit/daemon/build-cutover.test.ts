import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readGates } from '../../../src/cutover/gates.ts';
import { brakeFile, type MeasuredSources, measure, schemaProblems, withRegistries } from '../../../src/daemon/build-cutover.ts';
import { homeOffset } from '../../../src/model/offsets.ts';
import { good, limits } from '../cutover/fixtures.ts';

const clock = { monotonicMs: () => 500 };
const stage = (state: 'running' | 'paused', partition = 0) => ({
  topic: 't',
  partition,
  status: { state, next: '1', end: '1', code: null, message: null, hint: null, since: null },
});
const lag = (seconds: number | null, partition = 0, total = true) => {
  const value = { known: seconds !== null, seconds, records: null };
  const unknown = { known: false, seconds: null, records: null };
  return {
    topic: 't',
    partition,
    lag: { mirror: total ? unknown : value, apply: total ? value : null, total: total ? value : null },
    home: { start: homeOffset(0n), end: homeOffset(1n) },
    mirrored: undefined,
    applied: undefined,
  };
};
const sources = (changes: object = {}): MeasuredSources =>
  ({
    mirror: { status: () => [stage('running')] },
    apply: { statuses: () => [stage('running'), stage('paused', 1)] },
    appliedTopics: new Set(['t']),
    lag: { snapshot: () => ({ partitions: [lag(1), lag(3, 1), lag(0.5, 2, false)], stuckSeconds: { primary: 12, regional: undefined } }) },
    heartbeats: { ageSeconds: 2 },
    keptCounts: { current: [{ table: 'public.t', records: 2, parked: 1 }], atMs: 400 },
    neededAudits: () => ({ atMs: 300, audits: [] }),
    schema: async () => ({ tables: [] }),
    ...changes,
  }) as MeasuredSources;

describe('what the gates look at', () => {
  it('is taken from the stages as they are now', () => {
    expect(measure(sources(), clock)).toEqual({
      partitions: { kind: 'measured', atMs: 500, value: { total: 3, notRunning: ['apply of t:1 is paused'] } },
      lag: {
        kind: 'measured',
        atMs: 500,
        value: { partitions: 3, unknown: [], worstSeconds: 3, worstPlace: 't:1', stuckSeconds: { primary: 12, region: null } },
      },
      heartbeat: { kind: 'measured', atMs: 500, value: { ageSeconds: 2 } },
      fullAudit: { kind: 'measured', atMs: 300, value: { tables: [] } },
      rejected: { kind: 'measured', atMs: 400, value: { records: 2 } },
      parked: { kind: 'measured', atMs: 400, value: { records: 1 } },
      backfill: { kind: 'missing', reason: 'nothing fills tables' },
      divergence: { kind: 'missing', reason: 'nothing audits the tables' },
      shadow: { kind: 'missing', reason: 'no answers are compared' },
      reversePath: { kind: 'missing', reason: 'nothing proves the path back to the primary' },
    });
  });

  it('C5: counts a topic that is applied and has never been at the primary: no drain can pass it', () => {
    const { partitions } = measure(sources({ apply: { statuses: () => [] }, appliedTopics: new Set(['t', 'never']) }), clock);
    expect(partitions).toMatchObject({
      value: { total: 1, notRunning: ['no partition of never is mirrored, and a table is applied from it'] },
    });
    const [gate] = readGates({ ...good(500), partitions }, limits, 500);
    expect(gate).toMatchObject({
      gate: 'partitions_running',
      open: false,
      reason: expect.stringContaining('no partition of never is mirrored'),
    });
  });

  it('is missing, never zero, while it is not known', () => {
    const partitions = [lag(1), lag(null, 1)];
    const unknown = measure(
      sources({
        heartbeats: undefined,
        keptCounts: { current: undefined, atMs: undefined },
        neededAudits: () => undefined,
        lag: { snapshot: () => ({ partitions, stuckSeconds: { primary: 0, regional: 0 } }) },
      }),
      clock,
    );
    for (const name of ['heartbeat', 'fullAudit', 'rejected', 'parked'] as const)
      expect([name, unknown[name].kind]).toEqual([name, 'missing']);
    expect(unknown.lag).toMatchObject({ value: { unknown: ['t:1'] } });
    expect(measure(sources({ heartbeats: { ageSeconds: undefined } }), clock).heartbeat.kind).toBe('missing');
  });

  it('finds the file that holds a cutover, and knows when it cannot look', () => {
    const here = fileURLToPath(import.meta.url);
    expect(brakeFile(undefined)).toEqual({ kind: 'none' });
    expect(brakeFile(here)).toEqual({ kind: 'on' });
    expect(brakeFile(`${here}.none`)).toEqual({ kind: 'none' });
    expect(brakeFile(`${here}/below`)).toEqual({ kind: 'unknown', reason: 'ENOTDIR' });
  });

  it('counts a table whose newest schema is not known among the problems', () => {
    const view = { topic: 't', table: 'public.t', sharedWith: [], stops: false, unknown: null, schemas: [], problems: [] };
    expect(schemaProblems(view)).toEqual([]);
    expect(schemaProblems({ ...view, stops: null })).toEqual(['t into public.t: no schema is known']);
    expect(schemaProblems({ ...view, unknown: 'no answer' })).toEqual(['t into public.t: newest schema not known: no answer']);
    expect(schemaProblems({ ...view, stops: true, problems: [{ code: 'table_mismatch', message: 'no column note', hint: null }] })).toEqual(
      ['t into public.t: no column note'],
    );
  });
});

describe('C22: registries before a move', () => {
  const schema = { kind: 'measured', atMs: 400, value: { tables: 1, problems: ['b'] } } as const;
  const view = { role: 'import', carried: 2, notThere: [], problems: ['a'] } as const;

  it('shut the schema gate with what the region’s ids would run into, and while nobody knows', () => {
    expect(withRegistries(schema, { kind: 'measured', atMs: 300, value: view })).toEqual({
      kind: 'measured',
      atMs: 300,
      value: { tables: 1, problems: ['a', 'b'] },
    });
    expect(withRegistries(schema, { kind: 'measured', atMs: 300, value: { ...view, role: 'rest' } }).kind).toBe('missing');
    expect(withRegistries(schema, { kind: 'missing', reason: 'away' })).toEqual({ kind: 'missing', reason: 'the registries: away' });
  });

  it('do not count where the region has none', () => {
    expect(withRegistries(schema, undefined)).toBe(schema);
  });

  it('are evidence of the way back', () => {
    const reversePath = () => ({ kind: 'measured', atMs: 500, value: { roundTripAgeSeconds: 1 } }) as const;
    const registries = () => ({ kind: 'measured', atMs: 500, value: { ...view, notThere: ['a/1'] } }) as const;
    expect(measure(sources({ reversePath, registries }), clock).reversePath).toEqual({
      kind: 'measured',
      atMs: 500,
      value: { roundTripAgeSeconds: 1, schemas: { carried: 2, notBack: 1 } },
    });
  });
});
