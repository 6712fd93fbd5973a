import { describe, expect, it } from 'vitest';
import type { FarshoreConfig } from '../../../src/config/config.ts';
import type { CutoverLoop } from '../../../src/cutover/cutover-loop.ts';
import { unmeasured } from '../../../src/cutover/plan.ts';
import type { Cutover } from '../../../src/cutover/state.ts';
import { CutoverAdmin } from '../../../src/daemon/cutover-admin.ts';
import type { Clock } from '../../../src/model/clock.ts';
import type { Database } from '../../../src/postgres/database.ts';
import { cutover } from '../cutover/fixtures.ts';

const never = new AbortController().signal;
const freezes = { freeze: { roles: ['app'] }, primaryDatabase: {} };
const rights = { logins: ['app'], grants: [] };
const switched = cutover({ state: 'switched', home: 'region', open: 'region', epoch: 2n });
const frozen: Cutover = { ...switched, kept: { results: { read_rights: rights }, lost: null } };

function setup(row: Cutover, configured: object) {
  const config = { region: 'eu-west', mirror: { shards: 1 }, cutover: { activeGraceSeconds: 10, hooks: [], ...configured } };
  const asText = (value: unknown): string | null =>
    value === null ? null : typeof value === 'object' ? JSON.stringify(value) : String(value);
  const { primary, ...columns } = row;
  const stored = Object.fromEntries(Object.entries({ ...columns, primary_name: primary }).map(([name, value]) => [name, asText(value)]));
  const database = { query: async () => ({ rows: [stored] }) } as unknown as Database;
  const asked: string[] = [];
  const loop = {
    measured: () => undefined,
    readiness: () => unmeasured,
    brake: () => ({ kind: 'none' }),
    command: async ({ type }: { readonly type: string }) => {
      asked.push(type);
      return row;
    },
  } as unknown as CutoverLoop;
  const admin = new CutoverAdmin(
    config as unknown as FarshoreConfig,
    database,
    {} as Clock,
    () => loop,
    async () => ({ lagSeconds: null, partitions: [] }),
  );
  const change = (verb: 'start' | 'revert') =>
    admin.change({ verb, region: 'eu-west', by: 'ada', reason: undefined, primaryLost: false, acceptLoss: false }, never);
  const refused = async (verb: string) => (await admin.plan(never)).verbs.find((one) => one.verb === verb)?.refused;
  return { change, refused, asked };
}

describe('a verb that cannot be acted on as it is configured', () => {
  it.each([{}, { freeze: freezes.freeze }, { primaryDatabase: {} }])(
    'C25: refuses a revert that could not give the primary’s writers their rights back: %j',
    async (configured) => {
      const { change, refused, asked } = setup(frozen, configured);
      await expect(change('revert')).rejects.toMatchObject({
        code: 'request_invalid',
        message: expect.stringContaining('cannot be given back the rights that were taken: cutover.freeze'),
      });
      expect(await refused('revert')).toContain('put them back as they were');
      expect(asked).toEqual([]);
    },
  );

  it('reverts where they can be given back, where none were taken, and where a move is given up', async () => {
    const under = {
      from: 'primary',
      to: 'region',
      by: 'ada',
      direction: 'forward',
      step: 'freeze',
      started: true,
      lost: null,
      failed: null,
    } as const;
    const draining = cutover({ state: 'draining', move: { ...under, results: { read_rights: rights } } });
    for (const [row, configured] of [
      [frozen, freezes],
      [switched, {}],
      [draining, {}],
    ] as const) {
      const { change, refused, asked } = setup(row, configured);
      await change('revert');
      expect([asked, await refused('revert')]).toEqual([['revert'], null]);
    }
  });

  it('starts nothing that could not freeze', async () => {
    await expect(setup(cutover({ state: 'ready' }), {}).change('start')).rejects.toThrow('the primary cannot be frozen');
  });
});
