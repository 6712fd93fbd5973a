import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ActiveView, CutoverLogEntry, CutoverPlan, GateName } from '../../src/model/cutover.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { ROW_SCHEMA_ID, rowTable, rowValue, TestDaemon } from './daemon.ts';

/** A daemon as it runs before any cutover: it says what is missing, keeps the region closed and lets nothing pretend. */
describe('a region before its cutover', () => {
  const { primary, regional } = sharedRig();
  const topic = uniqueTopic('cutover');
  const producer = kafkajsFor(primary).producer();
  let database: pg.Client;
  let url: string;
  let region: string;
  let daemon: TestDaemon;

  const plan = async (): Promise<CutoverPlan> => JSON.parse(await daemon.cli(['cutover', 'plan', '-o', 'json'])) as CutoverPlan;
  const log = async (): Promise<readonly CutoverLogEntry[]> =>
    JSON.parse(await daemon.cli(['cutover', 'log', '-o', 'json'])) as readonly CutoverLogEntry[];
  const active = async (): Promise<{ readonly status: number; readonly body: ActiveView }> => {
    const answer = await fetch(`${daemon.url}/cutover/active`);
    return { status: answer.status, body: (await answer.json()) as ActiveView };
  };
  const gate = ({ measured }: CutoverPlan, name: GateName) => measured?.gates.find((one) => one.gate === name);

  beforeAll(async () => {
    url = await freshDatabase();
    region = `cutover-${topic.slice(-10)}`;
    database = new pg.Client({ connectionString: url });
    await Promise.all([database.connect(), producer.connect()]);
    await database.query(rowTable('moved'));
    await createTopic(primary, { topic });
    daemon = await TestDaemon.create({
      primary,
      regional,
      database: url,
      region,
      topics: [topic],
      tables: [`{ topic: ${topic}, table: public.moved, version: version }`],
      heartbeat: true,
      // Not the name other suites beat under: a mirrored topic has one region that writes it, and the second one would rightly stop.
      primaryName: 'us-north',
      extra: [
        'cutover:',
        '  windowSeconds: 2',
        '  evaluateSeconds: 1',
        '  activeGraceSeconds: 2',
        '  hooks: [{ on: shadowing, command: [sh, -c, "echo $FARSHORE_FROM to $FARSHORE_TO of $FARSHORE_REGION"] }]',
      ],
      files: {},
    });
    // Known by its subject, not only by its id: only then is the newest schema known.
    const schemas = join(daemon.folder, 'schemas');
    await mkdir(join(schemas, `${topic}-value`));
    await rename(join(schemas, `${ROW_SCHEMA_ID}.avsc`), join(schemas, `${topic}-value`, '1.avsc'));
    await writeFile(join(schemas, 'ids.json'), JSON.stringify({ [`${topic}-value/1`]: ROW_SCHEMA_ID }));
    await daemon.start();
    await producer.send({ topic, messages: [{ key: '1', value: rowValue(1, 'first', 1) }] });
  });

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await Promise.all([database?.end(), producer.disconnect()]);
  });

  it('plans with every gate, and names those that nobody measures', async () => {
    const first = await eventually(
      async () => {
        const now = await plan();
        return ['partitions_running', 'lag', 'heartbeat', 'rejected', 'parked', 'full_audit', 'backfill', 'hold'].every(
          (name) => gate(now, name as GateName)?.open === true,
        )
          ? now
          : undefined;
      },
      { what: 'the gates that are measured being open', deadlineMs: 60_000 },
    );
    expect(first).toMatchObject({ region, primary: 'us-north', home: 'primary', open: 'primary', epoch: '1', hold: null });
    expect(first.measured?.gates).toHaveLength(12);
    expect(gate(first, 'divergence')).toMatchObject({ open: false, reason: expect.stringContaining('no table is audited') });
    expect(gate(first, 'shadow')).toMatchObject({ open: false, reason: 'no shadow is configured' });
    expect(gate(first, 'reverse_path')).toMatchObject({
      open: false,
      reason: expect.stringMatching(/no heartbeat of this region came back in farshore.heartbeat./),
    });
    expect(first.steps.map(({ state }) => state)).toEqual(Array.from({ length: 13 }, () => 'to_do'));
    expect(first.verbs.find(({ verb }) => verb === 'start')?.refused).toMatch(
      /divergence: no table is audited.*; and the primary cannot be frozen/,
    );
    expect(first.hooks).toEqual([{ on: 'shadowing', what: 'sh' }]);
    expect(await daemon.cli(['cutover', 'plan'])).toMatch(/SHUT +divergence .* no table is audited/);
  });

  it('shows its gates and its state as metrics', async () => {
    const body = await (await fetch(`${daemon.url}/metrics`)).text();
    expect(body).toMatch(/farshore_gate_open\{[^}]*gate="lag"[^}]*\} 1/);
    expect(body).toMatch(/farshore_gate_open\{[^}]*gate="shadow"[^}]*\} 0/);
    expect(body).toMatch(/farshore_cutover_state\{[^}]*state="switched"[^}]*\} 0/);
  });

  it('is held and released by whoever names it, and never twice', async () => {
    const held = await daemon.cli(['cutover', 'hold', '--yes-region', region, '--reason', 'billing run', '--by', 'ada']);
    expect(held).toMatch(/hold +ada since .*: billing run/);
    await eventually(async () => gate(await plan(), 'hold')?.reason === 'held by ada: billing run');
    await expect(daemon.cli(['cutover', 'hold', '--yes-region', region, '--reason', 'mine'])).rejects.toThrow(
      /hold is refused: ada holds it already: billing run/,
    );
    await expect(daemon.cli(['cutover', 'release', '--yes-region', 'elsewhere'])).rejects.toThrow(
      new RegExp(`release is refused: this is region ${region}, not elsewhere`),
    );
    await daemon.cli(['cutover', 'release', '--yes-region', region, '--by', 'bo']);
    expect((await log()).filter(({ event }) => event === 'hold' || event === 'release').map(({ by }) => by)).toEqual(['bo', 'ada']);
  });

  it.each([
    ['start', 'the primary cannot be frozen: cutover.freeze and cutover.primaryDatabase are not both set'],
    ['abort', 'no move of the home is under way'],
    ['revert', 'the region is \\w+: there is nothing to revert'],
    ['complete', 'the region is \\w+: only a switched one can be completed'],
  ])('refuses %s where there is nothing to act on, and changes nothing', async (verb, why) => {
    const before = (await log()).filter(({ event }) => event !== 'evaluated').length;
    await expect(daemon.cli(['cutover', verb, '--yes-region', region])).rejects.toThrow(new RegExp(`${verb} is refused: ${why}`));
    expect((await log()).filter(({ event }) => event !== 'evaluated')).toHaveLength(before);
  });

  it('follows the copy by itself: shadowing while it holds, with its hook, and back when it does not', async () => {
    const state = async (wanted: string) =>
      await eventually(async () => (await plan()).state === wanted, { what: `the state ${wanted}`, deadlineMs: 60_000 });
    await state('shadowing');
    const entry = await eventually(async () => (await log()).find(({ to, hooks }) => to === 'shadowing' && hooks[0]?.result === 'done'));
    expect(entry).toMatchObject({ by: 'farshore', from: 'observing', event: 'evaluated' });
    expect(entry.hooks[0]?.detail).toBe(`exit code 0: observing to shadowing of ${region}`);
    expect(entry.gates?.filter(({ open }) => open).map(({ gate: name }) => name)).toEqual(expect.arrayContaining(['lag', 'schema']));
    await daemon.cli(['partition', 'pause', `${topic}:0`, '--stage', 'apply']);
    await state('observing');
    expect((await plan()).reason).toMatch(new RegExp(`partitions_running: not running: apply of ${topic}:0 is paused`));
    await daemon.cli(['partition', 'resume', `${topic}:0`, '--stage', 'apply']);
    await state('shadowing');
  });

  it('C24: answers load balancers from the stored state, on a standby too, and keeps an answer for the grace only', async () => {
    expect(await active()).toMatchObject({
      status: 503,
      body: { active: false, region, writerEpoch: null, reason: 'the primary is open' },
    });
    const standby = await TestDaemon.create({
      primary,
      regional,
      database: url,
      region,
      topics: [topic],
      extra: ['cutover: { activeGraceSeconds: 2 }'],
    });
    try {
      await standby.launch();
      await eventually(async () => (await standby.status()).role === 'standby', { deadlineMs: 30_000 });
      const ask = async (path: string) => await fetch(`${standby.url}${path}`);
      // What the steps of a later version come to: the region is home and open.
      await database.query(
        "update farshore.cutover set state = 'switched', home = 'region', open = 'region', epoch = 2, revision = revision + 1",
      );
      for (const one of [daemon, standby]) {
        const answer = await fetch(`${one.url}/cutover/active`);
        expect([answer.status, await answer.json()]).toEqual([
          200,
          expect.objectContaining({ active: true, state: 'switched', writerEpoch: '2' }),
        ]);
      }
      const plan = (await (await ask('/api/cutover')).json()) as CutoverPlan;
      expect(plan).toMatchObject({ state: 'switched', measured: null });
      await expect(standby.cli(['cutover', 'hold', '--yes-region', region, '--reason', 'x'])).rejects.toThrow(/stands by/);
      // The database is there and cannot be read: the last answer holds, and then nobody is sent here.
      await database.query('alter table farshore.cutover rename to gone');
      expect((await ask('/cutover/active')).status).toBe(200);
      await eventually(async () => (await ask('/cutover/active')).status === 503, { what: 'the grace being over' });
      expect(await (await ask('/cutover/active')).json()).toMatchObject({ reason: expect.stringMatching(/could not be read for/) });
      expect((await ask('/readyz')).status).toBe(200);
      await database.query('alter table farshore.gone rename to cutover');
      await eventually(async () => (await ask('/cutover/active')).status === 200, { what: 'the answer being back' });
    } finally {
      await standby[Symbol.asyncDispose]();
    }
  });

  it('is the same after kill -9', async () => {
    await daemon.cli(['cutover', 'hold', '--yes-region', region, '--reason', 'kept', '--by', 'ada']);
    await daemon.kill();
    await daemon.start();
    expect(await plan()).toMatchObject({ state: 'switched', open: 'region', epoch: '2', hold: { by: 'ada', reason: 'kept' } });
    expect((await active()).status).toBe(200);
  });
});
