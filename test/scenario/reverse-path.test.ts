import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditStatus } from '../../src/model/audit.ts';
import type { CutoverPlan } from '../../src/model/cutover.ts';
import { ConfluentRegistry } from '../rig/confluent-registry.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { repositoryRoot } from '../rig/paths.ts';
import { undeclaredAnswers } from './api-answers.ts';
import { ROW_SCHEMA_ID, rowSchema, rowTable, rowValue, TestDaemon } from './daemon.ts';

const PARTITIONS = 3;
const KEYS = 12;
const table = 'public.orders';

/** A daemon on each side: the region's, and the one that serves the former primary, which carries back what the region writes while it is home. */
describe('the way back of a cutover', () => {
  const { primary, regional } = sharedRig();
  const topic = uniqueTopic('orders');
  const region = topic.replaceAll('.', '-');
  const former = `${region}-home`;
  const role = `app_${randomBytes(5).toString('hex')}`;
  let producer = kafkajsFor(primary).producer({ idempotent: true });
  let home: pg.Pool;
  let copy: pg.Pool;
  let atHome: ConfluentRegistry;
  let inRegion: ConfluentRegistry;
  let forward: TestDaemon;
  let back: TestDaemon;
  let version = 0;
  /** Notes in the order in which they were committed, on whichever side. */
  const written: string[] = [];

  const upsert = `insert into ${table} values ($1, $2, $3) on conflict (id) do update set note = excluded.note, version = excluded.version`;
  const next = (where: string) => {
    version++;
    const row = { id: version % KEYS, note: `${where} ${version};`, version };
    written.push(row.note);
    return row;
  };
  /** As an application at the primary does, whose relay is quick. */
  const writeAtHome = async (times: number, partitions = PARTITIONS): Promise<void> => {
    for (let n = 0; n < times; n++) {
      const { id, note, version: v } = next('home');
      await home.query(upsert, [id, note, v]);
      await producer.send({ topic, messages: [{ key: String(id), value: rowValue(id, note, v), partition: id % partitions }] });
    }
  };
  /** As an application in the region does: row and outbox in one transaction that names its epoch. */
  const writeInRegion = async (times: number, epoch: string, { schemaId = ROW_SCHEMA_ID, partitions = PARTITIONS } = {}): Promise<void> => {
    const client = await copy.connect();
    try {
      for (let n = 0; n < times; n++) {
        const { id, note, version: v } = next('region');
        await client.query('begin');
        await client.query('select farshore.assert_writer($1)', [epoch]);
        await client.query(upsert, [id, note, v]);
        await client.query('insert into farshore.outbox (topic, partition, key, value) values ($1, $2, $3, $4)', [
          topic,
          id % partitions,
          Buffer.from(String(id)),
          rowValue(id, note, v, schemaId),
        ]);
        await client.query('commit');
      }
    } finally {
      client.release();
    }
  };
  const plan = async (): Promise<CutoverPlan> => JSON.parse(await forward.cli(['cutover', 'plan', '-o', 'json'])) as CutoverPlan;
  const until = async (what: string, holds: (now: CutoverPlan) => boolean): Promise<CutoverPlan> =>
    await eventually(
      async () => {
        const now = await plan();
        if (holds(now)) return now;
        const shut = now.measured?.gates.filter(({ open }) => !open).map(({ gate, reason }) => `${gate}: ${reason}`) ?? [];
        throw new Error(`${now.state}, open ${now.open}: ${now.reason}; ${shut.join('; ')}`);
      },
      { what, deadlineMs: 90_000, everyMs: 250 },
    );
  const rowsOf = async (pool: pg.Pool): Promise<string> =>
    (await pool.query<{ row: string }>(`select id || ':' || note || ':' || version as row from ${table} order by id`)).rows
      .map(({ row }) => row)
      .join();
  const alike = async (): Promise<void> => {
    await eventually(async () => (await rowsOf(home)) === (await rowsOf(copy)), { deadlineMs: 60_000, what: 'both sides being equal' });
  };
  const move = async (verb: 'start' | 'revert'): Promise<CutoverPlan> => {
    if (verb === 'start') {
      const ended = async () =>
        (JSON.parse(await forward.cli(['audit', 'status', '-o', 'json'])) as AuditStatus).tables[0]?.lastPass?.endedAt ?? null;
      const before = await ended();
      await forward.cli(['audit', 'run', '--by', 'ada']);
      await eventually(async () => (await ended()) !== before, { deadlineMs: 60_000, everyMs: 250, what: 'a pass' });
      await until('being ready', ({ state }) => state === 'ready');
    }
    await forward.cli(['cutover', verb, '--yes-region', region, '--by', 'ada']);
    const to = verb === 'start' ? 'region' : 'primary';
    return await until(`the ${to} being open`, ({ open, home: at, state }) => open === to && at === to && state !== 'draining');
  };
  /** What both logs hold, each record's note, as a read_committed consumer sees it. */
  const notesIn = async (bootstrap: string, expected: number): Promise<readonly string[]> => {
    const consumer = kafkajsFor(bootstrap).consumer({ groupId: uniqueTopic('reader'), readUncommitted: false });
    const notes: string[] = [];
    await consumer.connect();
    try {
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        eachMessage: async ({ message }) => {
          // A delete has no note.
          if (message.value !== null) notes.push(/(?:home|region) \d+;/.exec(message.value.toString('latin1'))![0]);
        },
      });
      await eventually(async () => notes.length >= expected, { deadlineMs: 60_000, what: `${expected} records in ${bootstrap}` });
    } finally {
      await consumer.disconnect();
    }
    return notes;
  };

  beforeAll(async () => {
    [atHome, inRegion] = [await ConfluentRegistry.start(), await ConfluentRegistry.start()];
    // Ids as a registry has them that served others before.
    for (let n = 1; n < ROW_SCHEMA_ID; n++) atHome.register(`earlier-${n}`, `{"type": "fixed", "name": "F", "size": ${n}}`);
    expect(atHome.register(`${topic}-value`, rowSchema)).toBe(ROW_SCHEMA_ID);
    const [homeUrl, regionUrl] = [await freshDatabase(), await freshDatabase()];
    home = new pg.Pool({ connectionString: homeUrl, max: 2 });
    copy = new pg.Pool({ connectionString: regionUrl, max: 2 });
    await Promise.all([home.query(rowTable(table)), copy.query(rowTable(table))]);
    await home.query(`create role ${role} login; grant select, insert, update on ${table} to ${role}`);
    await Promise.all([producer.connect(), createTopic(primary, { topic, partitions: PARTITIONS })]);
    const tables = [`{ topic: ${topic}, table: ${table}, version: version }`];
    forward = await TestDaemon.create({
      ...{ primary, regional, database: regionUrl, primaryDatabase: homeUrl, primaryName: former, region, topics: [topic], tables },
      registry: `{ url: "${atHome.url}" }`,
      regionalRegistry: `{ url: "${inRegion.url}" }`,
      heartbeat: true,
      extra: [
        'audit: { publishAllowanceSeconds: 1, againSeconds: 0.5, tries: 5 }',
        'outbox: { enabled: true, pollMs: 100 }',
        'cutover:',
        '  windowSeconds: 1',
        '  evaluateSeconds: 1',
        '  stepSeconds: 20',
        '  gates: { shadow: { required: false }, lag: { maxSeconds: 20 } }',
        `  primaryDatabase: { url: "${homeUrl}" }`,
        `  freeze: { roles: [${role}], tables: [${table}] }`,
        '  firstHop: { unpublishedQuery: "select 0", quietSeconds: 1 }',
      ],
    });
    back = await TestDaemon.create({
      ...{ primary: regional, regional: primary, database: homeUrl, primaryName: region, region: former, topics: [topic], tables },
      registry: `{ url: "${inRegion.url}" }`,
      regionalRegistry: `{ url: "${atHome.url}" }`,
      heartbeat: true,
      mirror: ['standby: true'],
      extra: ['audit: { enabled: false }'],
    });
    await forward.start();
    await back.start();
    await writeAtHome(KEYS * 2);
    await alike();
  });

  afterAll(async () => {
    await Promise.all([forward?.[Symbol.asyncDispose](), back?.[Symbol.asyncDispose]()]);
    await home?.query(`drop owned by ${role}; drop role ${role}`);
    await Promise.all([home?.end(), copy?.end(), producer.disconnect()]);
    await Promise.all([atHome?.[Symbol.asyncDispose](), inRegion?.[Symbol.asyncDispose]()]);
  });

  it('carries heartbeats only before the switch', async () => {
    expect((await back.status()).partitions.filter((one) => one.topic === topic && one.mirror !== null)).toEqual([]);
  });

  it('has its own registry looked at by check', async () => {
    const check = spawn(process.execPath, [join(repositoryRoot, 'src/main.ts'), 'check', '--config', forward.configFile, '-o', 'json']);
    const { findings } = JSON.parse(await text(check.stdout)) as { findings: { area: string; level: string; what: string }[] };
    const ofRegistries = findings.filter(({ area }) => area === 'registry').map(({ level, what }) => `${level} ${what}`);
    expect(ofRegistries).toContainEqual(expect.stringMatching(/^ok .* of the region answers with \d+ schemas$/));
  });

  it('answers on both sides as the document of the API declares', async () => {
    for (const daemon of [forward, back]) {
      const { asked, problems } = await undeclaredAnswers(daemon);
      expect(problems).toEqual([]);
      expect(asked).toBeGreaterThan(15);
    }
  });

  it('C24: holds the outbox while the primary is home', async () => {
    await copy.query('insert into farshore.outbox (topic, partition, key, value) values ($1, 0, $2, $3)', [
      topic,
      Buffer.from('x'),
      Buffer.from('held'),
    ]);
    await eventually(async () => /^farshore_outbox_held(?:\{[^}]*\})? 1$/m.test(await (await fetch(`${forward.url}/metrics`)).text()), {
      deadlineMs: 20_000,
      what: 'the row being told as held',
    });
    await copy.query('truncate farshore.outbox');
  });

  it('C3, C24, C25: what the region writes while it is home is back before the primary opens, twice in a row, and nothing goes in circles', async () => {
    for (const [there, here] of [
      ['2', '3'],
      ['4', '5'],
    ] as const) {
      expect((await move('start')).epoch).toBe(there);
      await writeInRegion(KEYS * 3, there);
      expect((await move('revert')).epoch).toBe(here);
      // Not after a while: the drain let nobody in before.
      expect(await rowsOf(home)).toBe(await rowsOf(copy));
      await writeAtHome(KEYS);
      await alike();
    }
    for (const bootstrap of [primary, regional]) {
      const notes = await notesIn(bootstrap, written.length);
      expect(notes.toSorted()).toEqual(written.toSorted());
    }
  });

  it('C3: after a revert, what the primary’s applications write is not put back by its own records', async () => {
    await move('start');
    await move('revert');
    const [earlier, later] = [next('home'), { ...next('home'), id: 0 }];
    const id = later.id;
    const record = ({ note, version: v }: typeof earlier) => ({
      key: String(id),
      value: rowValue(id, note, v),
      partition: id % PARTITIONS,
    });
    for (const { note, version: v } of [earlier, later]) await home.query(upsert, [id, note, v]);
    // The relay is slow: the second state is committed before the first one's record is written.
    await producer.send({ topic, messages: [record(earlier)] });
    const noteOf = async (pool: pg.Pool) =>
      (await pool.query<{ note: string }>(`select note from ${table} where id = $1`, [id])).rows[0]?.note;
    await eventually(async () => (await noteOf(copy)) === earlier.note, { deadlineMs: 60_000, what: 'the record in the region' });
    const ends = async () => (await back.status()).partitions.filter((one) => one.topic === topic);
    const passed = async () => (await ends()).every(({ apply }) => apply?.next !== undefined && apply.next === apply.end);
    await eventually(passed, { deadlineMs: 60_000, what: 'the daemon beside the primary having passed it' });
    expect(await noteOf(home)).toBe(later.note);
    await producer.send({ topic, messages: [record(later)] });
    await alike();
  });

  it('C25: after a revert, nothing at the daemon beside the primary writes states of the region over the primary’s rows', async () => {
    const { epoch } = await plan();
    const recorded = async () =>
      (await home.query<{ at: string }>(`select home || ' ' || home_epoch as at from farshore.topics where topic = $1`, [topic])).rows[0]
        ?.at;
    await eventually(async () => (await recorded()) === `${former} ${epoch}`, { deadlineMs: 60_000, what: 'the home being recorded' });
    await expect(back.cli(['backfill', 'start', '--table', table, '--from', 'topic', '--by', 'ada'])).rejects.toThrow(
      `The home of topic ${topic} is ${former}, not ${region}`,
    );
  });

  it('C25: a revert waits until the primary’s own database has applied what came back, a delete that no last digest would miss too', async () => {
    const { epoch } = await move('start');
    await writeInRegion(KEYS, epoch);
    await alike();
    const [id, partition] = [1, 1 % PARTITIONS];
    await back.cli(['partition', 'pause', `${topic}:${partition}`, '--stage', 'apply', '--by', 'ada']);
    await copy.query(`begin; select farshore.assert_writer(${epoch}); delete from ${table} where id = ${id};
      insert into farshore.outbox (topic, partition, key, value) values ('${topic}', ${partition}, '${id}', null); commit`);
    await forward.cli(['cutover', 'revert', '--yes-region', region, '--by', 'ada']);
    const stays = await until(
      'the region being open again',
      ({ open, state, home: at }) => open === 'region' && state !== 'draining' && at === 'region',
    );
    expect(stays.reason).toMatch(/the primary's database applied .* and it ends at|at the primary, apply of/);
    await back.cli(['partition', 'resume', `${topic}:${partition}`, '--stage', 'apply', '--by', 'ada']);
    await move('revert');
    expect((await home.query(`select 1 from ${table} where id = ${id}`)).rowCount).toBe(0);
    expect(await rowsOf(home)).toBe(await rowsOf(copy));
  });

  it('C22: takes new schemas in the region only while it is home, and they are at the primary before a record that names them', async () => {
    const subject = `${topic}-value`;
    const seconds = (what: string, holds: () => boolean) => eventually(() => Promise.resolve(holds()), { what, deadlineMs: 30_000 });
    const newer = { ...rowSchema, doc: 'as the region writes it' };
    await seconds(
      'subjects of the region being imported',
      () => inRegion.mode(subject) === 'IMPORT' && atHome.mode(subject) === 'READWRITE',
    );
    expect(inRegion.held).toEqual(atHome.held);
    expect(() => inRegion.register(subject, newer)).toThrow('not in read-write mode');
    const { epoch } = await move('start');
    await seconds(
      'the region taking schemas, and the primary none',
      () => inRegion.mode(subject) === 'READWRITE' && atHome.mode(subject) === 'IMPORT',
    );
    atHome.failing = true;
    const id = inRegion.register(subject, newer);
    expect(id).toBe(ROW_SCHEMA_ID + 1);
    const held = written.length;
    await writeInRegion(3, epoch, { schemaId: id });
    const down = async () => (await back.status()).components.some(({ component, up }) => component === 'regional_registry' && !up);
    await eventually(down, { what: 'the registry of the primary being told as down', deadlineMs: 60_000 });
    // The mirror beside it goes on, and these records are not in the primary's log.
    await until(
      'heartbeats going round',
      ({ measured }) =>
        measured?.gates.some(({ gate, facts }) => gate === 'reverse_path' && Number(facts.roundTripAgeSeconds) < 10) === true,
    );
    expect((await notesIn(primary, held)).filter((note) => written.indexOf(note) >= held)).toEqual([]);
    expect(atHome.held).not.toContain(`${subject}/2 ${id}`);
    atHome.failing = false;
    await notesIn(primary, written.length);
    expect(atHome.held).toContain(`${subject}/2 ${id}`);
    await move('revert');
    expect(await rowsOf(home)).toBe(await rowsOf(copy));
    await seconds('the primary taking schemas again', () => atHome.mode(subject) === 'READWRITE' && inRegion.mode(subject) === 'IMPORT');
  });

  it('C1, C3: a topic that grew while the primary was home again, and then in the region, can be moved and reverted', async () => {
    const grow = async (cluster: string, partitions: number): Promise<void> => {
      const admin = kafkajsFor(cluster).admin();
      await admin.connect();
      await admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] });
      await admin.disconnect();
    };
    const [grown, more] = [PARTITIONS + 1, PARTITIONS + 2];
    // The one from before does not know a new partition yet, and says nothing of records for it that it left out.
    const newProducer = async (): Promise<void> => {
      await producer.disconnect();
      producer = kafkajsFor(primary).producer({ idempotent: true });
      await producer.connect();
    };
    await grow(primary, grown);
    await newProducer();
    await writeAtHome(KEYS, grown);
    await alike();
    const { epoch } = await move('start');
    await writeInRegion(KEYS, epoch, { partitions: grown });
    await grow(regional, more);
    await writeInRegion(KEYS * 2, epoch, { partitions: more });
    await move('revert');
    expect(await rowsOf(home)).toBe(await rowsOf(copy));
    await newProducer();
    await writeAtHome(KEYS, more);
    await alike();
    for (const bootstrap of [primary, regional]) expect((await notesIn(bootstrap, written.length)).toSorted()).toEqual(written.toSorted());
  }, 240_000);

  /** As an operator who deletes a topic by mistake: what its log held before is gone. */
  const createAgain = async (cluster: string, partitions: number): Promise<void> => {
    const admin = kafkajsFor(cluster).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] });
    await eventually(async () => !(await admin.listTopics()).includes(topic), { what: 'the topic being gone' });
    await createTopic(cluster, { topic, partitions });
    await admin.disconnect();
  };
  /** Accepts it for apply of every partition; then all that is there is passed. */
  const acceptAndPass = async (daemon: TestDaemon): Promise<void> => {
    await daemon.stopped('apply', topic, 0, 'region_recreated');
    await daemon.cli(['partition', 'resume', topic, '--stage', 'apply', '--from', 'earliest', '--accept-recreated']);
    await eventually(
      async () => {
        const stages = (await daemon.status()).partitions.filter((one) => one.topic === topic).map(({ apply }) => apply);
        if (stages.every((apply) => apply?.state === 'running' && apply.next === apply.end && apply.end !== '0')) return true;
        throw new Error(JSON.stringify(stages));
      },
      { deadlineMs: 30_000, what: 'apply having passed what its own side wrote' },
    );
  };

  it('C3, C6: a topic that is created again at home after a revert is carried from its own start, and what it holds is not put over rows there', async () => {
    const partitions = PARTITIONS + 2;
    await createAgain(primary, partitions);
    await producer.disconnect();
    producer = kafkajsFor(primary).producer({ idempotent: true });
    await producer.connect();
    // More in each partition than lies before the epoch in the old log: begun there, the new one would be carried in part, and nobody told.
    await writeAtHome(KEYS * 20, partitions);
    const rows = await rowsOf(home);
    await forward.runHint(await forward.stopped('mirror', topic, 0, 'source_recreated'));
    expect((await notesIn(regional, written.length)).toSorted()).toEqual(written.toSorted());
    await alike();
    await acceptAndPass(back);
    expect(await rowsOf(home)).toBe(rows);
  }, 240_000);

  it('C6: a topic that is created again in the region while that is home keeps neither what is written there nor the way back', async () => {
    const partitions = PARTITIONS + 2;
    const { epoch } = await move('start');
    // Beside the primary its topic of the test before is seen only now.
    await back.runHint(await back.stopped('mirror', topic, 0, 'region_recreated'));
    await writeInRegion(KEYS, epoch, { partitions });
    await alike();
    await createAgain(regional, partitions);
    await writeInRegion(KEYS, epoch, { partitions });
    await back.runHint(await back.stopped('mirror', topic, 0, 'source_recreated'));
    await acceptAndPass(forward);
    await alike();
    await move('revert');
    expect(await rowsOf(home)).toBe(await rowsOf(copy));
    await forward.runHint(await forward.stopped('mirror', topic, 0, 'region_recreated'));
    await writeAtHome(KEYS, partitions);
    await alike();
  }, 240_000);
});
