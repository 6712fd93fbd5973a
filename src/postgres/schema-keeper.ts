import type { Statement } from '../apply/contracts.ts';
import type { Database } from './database.ts';
import { text } from './result-values.ts';

/** Every Avro schema that was seen, by issuing registry and id (C22): a restart needs no registry. */
export interface KeptSchemas {
  get(registry: string, ref: string, signal: AbortSignal): Promise<string | undefined>;
  /** `conflict`: the id stands for another text already, and that one stays. */
  put(registry: string, ref: string, schema: string, signal: AbortSignal): Promise<'kept' | 'same' | 'conflict'>;
}

const getStatement = (registry: string, ref: string): Statement => ({
  text: 'select schema from farshore.schemas where registry = $1 and id = $2',
  values: [registry, ref],
});

const insertStatement = (registry: string, ref: string, schema: string): Statement => ({
  text: 'insert into farshore.schemas (registry, id, schema) values ($1, $2, $3) on conflict (registry, id) do nothing',
  values: [registry, ref, schema],
});

export function schemaKeeper(database: Database): KeptSchemas {
  return {
    async get(registry, ref, signal) {
      const { rows } = await database.query(getStatement(registry, ref), signal);
      return rows[0] === undefined ? undefined : text(rows[0], 'schema');
    },
    async put(registry, ref, schema, signal) {
      const [inserted, read] = await database.transaction([insertStatement(registry, ref, schema), getStatement(registry, ref)], signal);
      if (inserted?.rowCount === 1) return 'kept';
      return read?.rows[0]?.schema === schema ? 'same' : 'conflict';
    },
  };
}
