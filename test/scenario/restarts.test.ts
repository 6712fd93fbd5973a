import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopic, eventually, kafkajsFor } from '../rig/context.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { rowTable, rowValue, TestDaemon } from './daemon.ts';

const PARTITIONS = 4;
const KEYS = 500;

const effects = `create table effects (key text not null, op text not null, old_version bytea, new_version bytea);
create function record_effect() returns trigger language plpgsql as $$
begin
  insert into effects values (
    coalesce(new.id, old.id)::text, tg_op,
    case when tg_op = 'INSERT' then null else old.farshore_version end,
    case when tg_op = 'DELETE' then null else new.farshore_version end);
  return null;
end $$;
create trigger effects after insert or update or delete on restarts for each row execute function record_effect();`;

/** Servers of its own: they are killed and started again under load. */
describe('records under load', () => {
  let rig: Rig;
  let database: pg.Client;
  let daemon: TestDaemon;
  let version = 0;
  const written = new Map<number, number>();

  /** Writes until `done`, with pauses for a broker that is away; answers how many records were acknowledged. */
  const writeUntil = async (done: AbortSignal): Promise<void> => {
    const producer = kafkajsFor(rig.primary.bootstrap).producer({ idempotent: true });
    await producer.connect();
    try {
      while (!done.aborted) {
        version++;
        const ids = Array.from({ length: 50 }, (_, i) => (version * 31 + i) % KEYS);
        const messages = ids.map((id) => ({
          key: String(id),
          value: rowValue(id, `state ${version}`, version),
          partition: id % PARTITIONS,
        }));
        await eventually(() => producer.send({ topic: 'restarts', messages }), { deadlineMs: 60_000, what: 'a send' });
        for (const id of ids) written.set(id, version);
      }
    } finally {
      await producer.disconnect();
    }
  };

  /** Runs a fault while records are written, then waits until the region has the last state of every key. */
  const through = async (fault: () => Promise<void>): Promise<void> => {
    const done = new AbortController();
    const writing = writeUntil(done.signal);
    const before = await rows();
    await eventually(async () => (await rows()) !== before, { what: 'records flowing before the fault' });
    await fault();
    done.abort();
    await writing;
    await eventually(
      async () => {
        const { rows: held } = await database.query<{ id: number; version: number }>('select id, version from restarts');
        const wrong = held.filter((row) => written.get(row.id) !== row.version).length + Math.abs(held.length - written.size);
        if (wrong > 0) throw new Error(`${wrong} keys are missing or old`);
        return true;
      },
      { deadlineMs: 60_000, what: 'the last state of every key' },
    );
    const { rows: judged } = await database.query<{ duplicated: string; stale: string }>(`select
      (select count(*) from (select 1 from effects where new_version is not null group by key, new_version having count(*) > 1) d) duplicated,
      (select count(*) from effects where old_version >= new_version) stale`);
    expect(judged).toEqual([{ duplicated: '0', stale: '0' }]);
  };

  const rows = async (): Promise<string> => {
    const answer = await database.query<{ n: string }>('select coalesce(sum(records), 0) n from farshore.apply_positions');
    return answer.rows[0]?.n ?? '';
  };

  const connect = async (url: string): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };

  beforeAll(async () => {
    rig = await startRig();
    const url = await rig.database.createDatabase('restarts');
    database = await connect(url);
    await database.query(`${rowTable('restarts')};\n${effects}`);
    await createTopic(rig.primary.bootstrap, { topic: 'restarts', partitions: PARTITIONS });
    daemon = await TestDaemon.create({
      primary: rig.primary.bootstrap,
      regional: rig.regional.bootstrap,
      database: url,
      region: 'restarts',
      topics: ['restarts'],
      tables: ['{ topic: restarts, table: public.restarts, version: version }'],
      heartbeat: true,
    });
    await daemon.start();
  });

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await database?.end().catch(() => undefined);
    await rig?.[Symbol.asyncDispose]();
  });

  it('arrive exactly once while the daemon is killed in the middle of mirror and apply', async () => {
    await through(async () => {
      for (let kill = 0; kill < 5; kill++) {
        const before = await rows();
        await daemon.kill();
        await daemon.start();
        await eventually(async () => (await rows()) !== before, { what: 'progress after a kill' });
      }
    });
  });

  it('arrive exactly once while the regional broker is killed', async () => {
    await through(async () => {
      await rig.regional.kill('SIGKILL');
      await rig.regional.restart();
    });
  });

  it('arrive exactly once while the primary broker is killed', async () => {
    await through(async () => {
      await rig.primary.kill('SIGKILL');
      await rig.primary.restart();
    });
  });

  it('arrive exactly once while the database is stopped at once and started again', async () => {
    await through(async () => {
      await database.end().catch(() => undefined);
      await rig.database.stop('immediate');
      await rig.database.restart();
      database = await connect(`${rig.database.url.slice(0, rig.database.url.lastIndexOf('/'))}/restarts`);
    });
  });

  it('are finished, committed and released on SIGTERM within ten seconds, and nothing is read again', async () => {
    await through(async () => {
      const { code, seconds } = await daemon.stop();
      expect(code).toBe(0);
      expect(seconds).toBeLessThan(10);
      await daemon.start();
    });
  });

  it('C23: heartbeats come back through the whole path, and are not mirrored on', async () => {
    const { heartbeat, partitions } = await eventually(async () => {
      const status = await daemon.status();
      return status.heartbeat.latencySeconds === null ? undefined : status;
    });
    expect(heartbeat.latencySeconds).toBeGreaterThan(0);
    expect(partitions.map((p) => p.topic)).toContain('farshore.heartbeat.us-east');
    // Lag is absent until it was measured; a daemon that has just started says so instead of 0.
    await eventually(
      async () => /farshore_replication_lag_seconds\{[^}]*stage="total"/.test(await (await fetch(`${daemon.url}/metrics`)).text()),
      {
        what: 'the lag among the metrics',
      },
    );
  });
});
