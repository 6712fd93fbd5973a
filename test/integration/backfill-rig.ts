import { expect } from 'vitest';
import type { RecordDecoder } from '../../src/apply/contracts.ts';
import { sourceTableOf } from '../../src/apply/source-table.ts';
import type { TableEntry } from '../../src/apply/table-entry.ts';
import { prepareComparison } from '../../src/audit/compared-table.ts';
import type { BackfillStore, PreparedTable } from '../../src/backfill/contracts.ts';
import { backfillMapping } from '../../src/daemon/backfill-prepare.ts';
import { backfillStore } from '../../src/postgres/backfill-store.ts';
import { backfillTable } from '../../src/postgres/backfill-table.ts';
import { loadMigrations, migrate } from '../../src/postgres/migrations.ts';
import { describeTables } from '../../src/postgres/tables.ts';
import { type AuditRig, auditRig } from './audit-rig.ts';
import { never, rowsOf } from './postgres-fixtures.ts';

export const EPOCH = 3n;
export const fromDatabase = { from: 'database', where: undefined } as const;

export type Fields = RecordDecoder['fields'];
export const field = (name: string, avro: string, logical?: string, fields?: Fields): Fields[number] => ({
  ...{ name, avro, logical, precision: undefined, scale: undefined, nullable: true, doc: undefined },
  ...(fields === undefined ? {} : { fields }),
});
export const versioned = [field('id', 'int'), field('note', 'string'), field('version', 'int')];
export const plain = (table: string, more: Partial<TableEntry> = {}): TableEntry => ({ topic: table, table: `public.${table}`, ...more });

const decoderOf = (fields: Fields): RecordDecoder => ({ recordName: 'Row', fields, decode: () => ({}) });

/** Rows of a primary's database backfilled into a region's, without a daemon. */
export class BackfillRig {
  readonly rig: AuditRig;
  readonly store: BackfillStore;

  private constructor(rig: AuditRig) {
    this.rig = rig;
    this.store = backfillStore(rig.databases.region, EPOCH);
  }

  static async create(): Promise<BackfillRig> {
    const rig = await auditRig();
    await migrate(rig.databases.region, await loadMigrations(), never);
    await rowsOf(
      rig.databases.region,
      `insert into farshore.lease (name, epoch, holder, expires_at) values ('daemon', ${EPOCH}, 'this', now() + interval '1 hour')
     on conflict (name) do update set epoch = excluded.epoch`,
    );
    return new BackfillRig(rig);
  }

  async at(side: 'primary' | 'region', text: string) {
    return await rowsOf(this.rig.databases[side], text);
  }

  async tables(name: string, columns: string, more = ', farshore_version bytea'): Promise<void> {
    await this.rig.at('primary', `create table ${name} (${columns})`);
    await this.rig.at('region', `create table ${name} (${columns}${more})`);
  }

  /** `schemas` are those of each entry's records. */
  async prepared(
    entries: readonly TableEntry[],
    schemas: readonly Fields[] = [],
    epoch = EPOCH,
    remembered?: string,
  ): Promise<PreparedTable> {
    const { region, primary } = this.rig.databases;
    const entry = entries[0]!;
    const [name, table] = (entry.table ?? '').split('.') as [string, string];
    const [described] = await describeTables(region, [{ schema: name, table }], never);
    const resolved = sourceTableOf(entry, described!);
    const wanted = { region: { schema: name, table }, source: resolved.source, key: resolved.key, live: undefined, unknown: [] };
    const outcome = await prepareComparison(this.rig.sides, wanted, never);
    if (outcome.kind === 'refused') throw outcome.reasons[0]!;
    const atPrimary = (await this.rig.sides.primary.describe(resolved.source.table, never))!;
    const mapped = backfillMapping({
      entries,
      ...{ region: described!, primary: atPrimary, resolved, compared: outcome.table },
      ...(remembered === undefined ? {} : { kinds: JSON.parse(remembered) as ('integer' | 'timestamp' | 'text')[] }),
      schemas: entries.map((_entry, index) => (schemas[index] === undefined ? [] : [decoderOf(schemas[index])])),
    });
    return backfillTable({
      primary,
      region,
      epoch,
      compared: outcome.table,
      states: [{ topic: entry.topic, homeEpoch: 1 }],
      regionName: 'eu-west',
      ...mapped,
    });
  }

  async startOf(table: string) {
    const id = await this.store.start({ table, by: 'ada', source: fromDatabase, rowsExpected: 10, positions: [] }, never);
    expect(id).toBeDefined();
    return async () => (await this.store.open(never)).find((one) => one.id === id)!;
  }

  /** Every chunk to the end; how many rows were read and written. */
  async whole(table: PreparedTable, name: string, limit = 100) {
    const now = await this.startOf(name);
    const counts = { chunks: 0, read: 0, written: 0 };
    for (let one = await now(); one.state === 'running'; one = await now()) {
      const chunk = await table.read(one, limit, never);
      const written = await table.write(one, chunk, never);
      if (written === 'home_moved') throw new Error(written);
      counts.written += written;
      counts.read += chunk.rows;
      counts.chunks++;
    }
    expect((await now()).state).toBe('settling');
    await this.store.change(name, 'settled', never);
    return counts;
  }

  async close(): Promise<void> {
    await this.rig.close();
  }
}
