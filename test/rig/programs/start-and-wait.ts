/** Starts a Kafka and a PostgreSQL, prints their pids and data directories as one JSON line, and waits to be killed. */
import { startKafka } from '../kafka.ts';
import { startPostgres } from '../postgres.ts';

const [kafka, postgres] = await Promise.all([startKafka({ name: 'orphan' }), startPostgres({ name: 'orphan' })]);
const servers = [kafka, postgres].map(({ pid, dataDir }) => ({ pid, dataDir }));
process.stdout.write(`${JSON.stringify(servers)}\n`);
