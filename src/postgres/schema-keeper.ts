import type { Statement } from '../apply/contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import type { Database } from './database.ts';
import { literal } from './migration-plan.ts';
import { optionalText, type TextRow, text } from './result-values.ts';

/** Every Avro schema that was seen, by issuing registry and id (C22): a restart needs no registry. */
export interface KeptSchemas {
  /** Rejects with `schema_conflict` while two texts are recorded for the id. */
  get(registry: string, ref: string, signal: AbortSignal): Promise<string | undefined>;
  /** Rejects with `schema_conflict` when the id stands for another text: the kept one stays, and the other is recorded beside it. */
  put(registry: string, ref: string, schema: string, signal: AbortSignal): Promise<'kept' | 'same'>;
  /** The ids of a registry for which two texts are recorded. */
  conflicts(registry: string, signal: AbortSignal): Promise<readonly string[]>;
}

const getStatement = (registry: string, ref: string): Statement => ({
  text: 'select schema, conflicts_with from farshore.schemas where registry = $1 and id = $2',
  values: [registry, ref],
});

// What was found first stays: an operator decides between two texts, and a registry that gives a third is no reason to forget one.
const putStatement = (registry: string, ref: string, schema: string): Statement => ({
  text: `insert into farshore.schemas as kept (registry, id, schema) values ($1, $2, $3)
on conflict (registry, id) do update set conflicts_with = excluded.schema
 where kept.schema <> excluded.schema and kept.conflicts_with is null`,
  values: [registry, ref, schema],
});

const conflictsStatement = (registry: string): Statement => ({
  text: 'select id from farshore.schemas where registry = $1 and conflicts_with is not null order by id',
  values: [registry],
});

/**
 * The mark of a conflict is written in the transaction that finds it: kept in memory alone, a restart would decode with the kept text again, and
 * for good while the registry is away.
 */
export function schemaKeeper(database: Database): KeptSchemas {
  return {
    async get(registry, ref, signal) {
      const { rows } = await database.query(getStatement(registry, ref), signal);
      return rows[0] === undefined ? undefined : keptText(rows[0], registry, ref);
    },
    async put(registry, ref, schema, signal) {
      const [written, read] = await database.transaction([putStatement(registry, ref, schema), getStatement(registry, ref)], signal);
      if (read?.rows[0] !== undefined) keptText(read.rows[0], registry, ref);
      return written?.rowCount === 1 ? 'kept' : 'same';
    },
    async conflicts(registry, signal) {
      const { rows } = await database.query(conflictsStatement(registry), signal);
      return rows.map((row) => text(row, 'id'));
    },
  };
}

function keptText(row: TextRow, registry: string, ref: string): string {
  if (optionalText(row, 'conflicts_with') === undefined) return text(row, 'schema');
  const settled = `update farshore.schemas set conflicts_with = null where registry = ${literal(registry)} and id = ${literal(ref)};`;
  throw new FarshoreError('schema_conflict', `Schema ${ref} of ${registry} stands for two texts: its records mean one of them`, {
    place: `schema ${ref}`,
    hint: `Find out which registry issued the id twice: farshore.schemas has the kept text and the other one (conflicts_with). To go on with the kept text, once the registry gives it again: ${settled} then resume the partitions.`,
  });
}
