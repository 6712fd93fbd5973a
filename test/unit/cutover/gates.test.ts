import { describe, expect, it } from 'vitest';
import type { GateMeasurements } from '../../../src/cutover/contracts.ts';
import { readGates } from '../../../src/cutover/gates.ts';
import { type GateName, gateNames } from '../../../src/model/cutover.ts';
import { good, limits, measured, notStuck } from './fixtures.ts';

const keys: Readonly<Record<GateName, keyof GateMeasurements>> = {
  partitions_running: 'partitions',
  lag: 'lag',
  heartbeat: 'heartbeat',
  full_audit: 'fullAudit',
  backfill: 'backfill',
  schema: 'schema',
  rejected: 'rejected',
  parked: 'parked',
  divergence: 'divergence',
  shadow: 'shadow',
  reverse_path: 'reversePath',
  hold: 'hold',
};

const gate = (name: GateName, changes: Partial<GateMeasurements>, nowMs = 1_000) =>
  readGates({ ...good(), ...changes }, limits, nowMs).find((reading) => reading.gate === name);

describe('gates', () => {
  it('are open on good values, each with its evidence', () => {
    const readings = readGates(good(), limits, 1_000);
    expect(readings.map(({ gate: name }) => name)).toEqual(gateNames);
    expect(readings.filter(({ open }) => !open)).toEqual([]);
    expect(gate('lag', {})?.facts).toEqual({
      partitions: 4,
      unknown: 0,
      worstSeconds: 1.2,
      worstPlace: 'invoices:3',
      maxSeconds: 5,
      stuckSeconds: 0,
      measuredSecondsAgo: 1,
    });
  });

  it.each(gateNames)('%s is shut while it is not measured, and when the measurement is old or of the future', (name) => {
    expect(gate(name, { [keys[name]]: { kind: 'missing', reason: 'nobody measured it' } })).toMatchObject({
      open: false,
      reason: 'nobody measured it',
    });
    expect(gate(name, {}, 30_000)).toMatchObject({ open: true });
    expect(gate(name, {}, 30_100)).toMatchObject({ open: false, reason: 'last measured 30.1 s ago; at most 30 s count' });
    expect(gate(name, {}, -1)).toMatchObject({ open: false, reason: 'measured at a time that has not come yet' });
    expect(gate(name, {}, Number.NaN)).toMatchObject({ open: false });
  });

  it('lag is open beside transactions that end in seconds', () => {
    const stuckSeconds = { primary: 10, region: null };
    expect(gate('lag', { lag: measured({ ...caughtUp, stuckSeconds }) })).toMatchObject({ open: true, facts: { stuckSeconds: 10 } });
  });

  const caughtUp = { partitions: 2, unknown: [], worstSeconds: 0, worstPlace: 'a:0' };
  const table = { table: 'public.a', divergentRows: 0, coverage: 1, ageSeconds: 1 };
  it.each<[GateName, Partial<GateMeasurements>, string]>([
    ['partitions_running', { partitions: measured({ total: 0, notRunning: [] }) }, 'no partition is mirrored or applied yet'],
    ['partitions_running', { partitions: measured({ total: 3, notRunning: ['apply a:1'] }) }, 'not running: apply a:1'],
    [
      'partitions_running',
      { partitions: measured({ total: 9, notRunning: ['1', '2', '3', '4', '5', '6', '7'] }) },
      'not running: 1, 2, 3, 4, 5 and 2 more',
    ],
    [
      'lag',
      { lag: measured({ ...caughtUp, stuckSeconds: { primary: 10.1, region: 0 } }) },
      'a transaction that is open at the primary holds readers back for 10.1 s: lag does not see what waits behind it',
    ],
    [
      'lag',
      { lag: measured({ ...caughtUp, stuckSeconds: { primary: null, region: 3_600 } }) },
      'a transaction that is open in the region holds readers back for 3600 s: lag does not see what waits behind it',
    ],
    [
      'lag',
      { lag: measured({ partitions: 0, unknown: [], worstSeconds: 0, worstPlace: null, ...notStuck }) },
      'no partition is measured yet',
    ],
    [
      'lag',
      { lag: measured({ partitions: 2, unknown: ['a:1'], worstSeconds: 0, worstPlace: 'a:0', ...notStuck }) },
      'lag is not known: a:1',
    ],
    ['lag', { lag: measured({ partitions: 2, unknown: [], worstSeconds: null, worstPlace: null, ...notStuck }) }, 'lag is not known'],
    [
      'lag',
      { lag: measured({ partitions: 2, unknown: [], worstSeconds: 5.1, worstPlace: 'a:0', ...notStuck }) },
      'a:0 is behind by 5.1 s; at most 5 s is allowed',
    ],
    [
      'lag',
      { lag: measured({ partitions: 2, unknown: [], worstSeconds: Number.NaN, worstPlace: 'a:0', ...notStuck }) },
      'a:0 is behind by NaN s; at most 5 s is allowed',
    ],
    ['heartbeat', { heartbeat: measured({ ageSeconds: 11 }) }, 'the newest heartbeat that came back is 11 s old; at most 10 s is allowed'],
    ['full_audit', { fullAudit: measured({ tables: ['public.a'] }) }, 'deletes may have been missed: public.a'],
    ['schema', { schema: measured({ tables: 0, problems: [] }) }, 'no table is applied'],
    ['schema', { schema: measured({ tables: 2, problems: ['public.a: no column note'] }) }, 'public.a: no column note'],
    ['rejected', { rejected: measured({ records: 1 }) }, '1 rejected records are kept; at most 0 may be'],
    ['rejected', { rejected: measured({ records: Number.NaN }) }, 'NaN rejected records are kept; at most 0 may be'],
    ['parked', { parked: measured({ records: 7 }) }, '7 records are parked; at most 0 may be'],
    ['backfill', { backfill: measured({ open: [{ table: 'public.a', state: 'failed' }] }) }, 'tables are being filled: public.a (failed)'],
    ['divergence', { divergence: measured({ tables: [] }) }, 'no table is audited'],
    ['divergence', { divergence: measured({ tables: [table, { ...table, ageSeconds: null }] }) }, 'never audited: public.a'],
    ['divergence', { divergence: measured({ tables: [{ ...table, divergentRows: 2 }] }) }, '2 rows diverge: public.a'],
    [
      'divergence',
      { divergence: measured({ tables: [{ ...table, coverage: 0.5 }] }) },
      'less than 100 % of the rows were compared: public.a',
    ],
    [
      'divergence',
      { divergence: measured({ tables: [{ ...table, coverage: Number.NaN }] }) },
      'less than 100 % of the rows were compared: public.a',
    ],
    ['divergence', { divergence: measured({ tables: [{ ...table, ageSeconds: 86_401 }] }) }, 'audited more than 86400 s ago: public.a'],
    ['shadow', { shadow: measured({ score: 1, samples: 999, unsettled: 0 }) }, '999 settled comparisons; 1000 are needed'],
    [
      'shadow',
      { shadow: measured({ score: 0.99, samples: 5_000, unsettled: 0 }) },
      'at least 99 % of the answers match; 99.9 % are needed',
    ],
    [
      'reverse_path',
      { reversePath: measured({ roundTripAgeSeconds: 61 }) },
      'the last heartbeat that went round came back 61 s ago; at most 60 s is allowed',
    ],
    [
      'reverse_path',
      { reversePath: measured({ roundTripAgeSeconds: 2, schemas: { carried: 4, notBack: 1 } }) },
      '1 schemas of the region are not in the registry of the primary',
    ],
    ['hold', { hold: measured({ by: 'ada', reason: 'billing run' }) }, 'held by ada: billing run'],
  ])('%s is shut: %j', (name, changes, reason) => {
    expect(gate(name, changes)).toMatchObject({ open: false, reason });
    expect(readGates({ ...good(), ...changes }, limits, 1_000).filter(({ open }) => !open)).toHaveLength(1);
  });

  it('C22: the evidence of the way back says whether schemas travel it', () => {
    expect(gate('reverse_path', { reversePath: measured({ roundTripAgeSeconds: 2 }) })?.facts).toMatchObject({
      schemasCarried: null,
      schemasNotBack: null,
    });
    const carried = { reversePath: measured({ roundTripAgeSeconds: 2, schemas: { carried: 4, notBack: 0 } }) };
    expect(gate('reverse_path', carried)).toMatchObject({ open: true, facts: { schemasCarried: 4, schemasNotBack: 0 } });
  });

  it('C20: what did not settle counts against the sample, never as a match', () => {
    expect(gate('shadow', { shadow: measured({ score: 1, samples: 1_001, unsettled: 2 }) })).toMatchObject({
      open: false,
      reason: '999 settled comparisons; 1000 are needed',
    });
  });
});
