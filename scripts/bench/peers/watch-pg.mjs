// watch-pg.mjs prepare URL TABLE | watch URL TABLE COUNT PID STARTED_MS KAFKA DEBEZIUM UNNEST REST NAME : used by jdbc-sink.sh.
// Follows count(*), spaced so that the count itself takes at most a twentieth of the time, without parallel workers.
import { ddl, row } from '../data.ts';
import { figures, npm, watch } from './lib.mjs';

const [verb, url, table, count, pid, startedMs, kafkaV, debeziumV, unnest, rest, name] = process.argv.slice(2);
const pg = npm('pg');
const c = new pg.Client({ connectionString: url });
await c.connect();
if (verb === 'prepare') {
  await c.query(`drop table if exists ${table}`);
  await c.query(ddl(table));
  await c.query('checkpoint').catch(() => {});
} else {
  const N = Number(count);
  await c.query('set max_parallel_workers_per_gather = 0');
  const started = performance.now() / 1e3 - (Date.now() - Number(startedMs)) / 1e3;
  let asked = 0;
  const progress = async () => {
    if (Date.now() - asked > 2000) {
      // a failed task does not end the worker: ask its REST interface
      asked = Date.now();
      const s = await fetch(`http://127.0.0.1:${rest}/connectors/${name}/status`)
        .then((r) => r.json())
        .catch(() => null);
      const bad = s?.tasks?.find((t) => t.state === 'FAILED');
      if (bad)
        throw new Error(
          'a sink task failed: ' +
            String(bad.trace)
              .split('\n')
              .filter((l) => /^(Caused|org|io|java)/.test(l))
              .join(' | ')
              .slice(0, 900),
        );
    }
    return Number((await c.query(`select count(*) n from ${table}`)).rows[0].n);
  };
  try {
    const w = await watch({ pid, started, progress, done: (n) => n >= N, every: 200, spare: 20 });
    const { messages, ...f } = figures(w, N, 'rows_per_s');
    // every column of one row in a hundred as it was sent? (not where keys repeat: the last value is not known here)
    const { rows } = process.env.KEYS
      ? { rows: [] }
      : await c.query(
          `select *, (extract(epoch from created_at)*1000)::bigint c_ms, (extract(epoch from updated_at)*1000)::bigint u_ms from ${table} where id % 100 = 0`,
        );
    const wrong = {};
    for (const r of rows) {
      const e = row(Number(r.id));
      for (const k of ['name', 'email', 'city', 'status', 'active', 'qty', 'note']) if (r[k] !== e[k]) wrong[k] = (wrong[k] || 0) + 1;
      if (Math.round(Number(r.price) * 100) !== e.cents) wrong.price = (wrong.price || 0) + 1;
      if (Number(r.c_ms) !== e.created_at) wrong.created_at = (wrong.created_at || 0) + 1;
      if (Number(r.u_ms) !== e.updated_at) wrong.updated_at = (wrong.updated_at || 0) + 1;
    }
    console.log(
      JSON.stringify({
        peer: 'debezium-jdbc-sink',
        mode: unnest === 'true' ? 'upsert-unnest' : 'upsert-batch',
        rows: messages,
        ...f,
        rows_checked: rows.length,
        wrong_columns: wrong,
        kafka: kafkaV,
        debezium: debeziumV,
      }),
    );
  } catch (e) {
    console.error(String(e.message));
    process.exitCode = 1;
  }
}
await c.end();
