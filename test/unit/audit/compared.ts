import type { ColumnType, ComparedKeyColumn, ComparedTable } from '../../../src/audit/contracts.ts';

const type = (name: string, sql: string): ColumnType => ({ sql, name, builtIn: true, kind: 'base', isArray: false, labels: [] });
const types = {
  bigint: { type: type('int8', 'bigint'), as: 'number' },
  numeric: { type: type('numeric', 'numeric'), as: 'number' },
  timestamptz: { type: type('timestamptz', 'timestamp with time zone'), as: 'timestamp' },
} as const;

const column = (name: string, of: keyof typeof types) => {
  const { type: sql, as } = types[of];
  return { name, as, primary: { name, type: sql }, region: { name, type: sql } };
};

/** public.bills on both sides: `id` bigint is its key. */
export function billsTable(columns: Readonly<Record<string, keyof typeof types>>): ComparedTable {
  const table = { schema: 'public', table: 'bills' };
  const key: ComparedKeyColumn = { ...column('id', 'bigint'), keyAs: 'integer' };
  const others = Object.entries(columns).map(([name, of]) => column(name, of));
  return {
    primary: { table, where: undefined },
    region: { table, where: undefined },
    key: [key],
    columns: [column('id', 'bigint'), ...others],
    versioned: true,
  };
}
