import type { TableName } from '../model/sql-name.ts';
import type { SideColumn, SideTable } from './contracts.ts';

/** What describe-statement.ts answers, as JSON. */
export interface RawTable {
  readonly kind: string;
  readonly encoding: string;
  readonly rowSecurity: boolean;
  readonly columns: readonly RawColumn[];
  readonly bytes: number;
  readonly keys: readonly { readonly primary: boolean; readonly columns: readonly RawKeyColumn[] }[];
}

export interface RawKeyColumn {
  readonly name: string;
  /** The index has the column's own collation, or none. */
  readonly native: boolean;
  readonly provider: string | null;
  readonly locale: string | null;
}

export interface RawColumn {
  readonly name: string;
  readonly nullable: boolean;
  readonly readable: boolean;
  readonly isArray: boolean;
  readonly isNested: boolean;
  readonly sql: string;
  readonly type: string;
  readonly builtIn: boolean;
  readonly typtype: string;
  readonly labels: readonly string[];
  readonly provider: string | null;
  readonly locale: string | null;
  readonly deterministic: boolean;
}

const kinds: Readonly<Record<string, SideTable['kind']>> = { r: 'table', p: 'partitioned', v: 'view', f: 'foreign' };
const typeKinds: Readonly<Record<string, SideColumn['type']['kind']>> = {
  b: 'base',
  e: 'enum',
  c: 'composite',
  r: 'range',
  m: 'range',
};
const providers: Readonly<Record<string, string>> = { c: 'libc', i: 'icu', b: 'builtin' };

export function sideTable(name: TableName, raw: RawTable): SideTable {
  const keys = (fits: (column: RawKeyColumn) => boolean) =>
    raw.keys.filter(({ columns }) => columns.every(fits)).map(({ columns }) => columns.map((column) => column.name));
  return {
    ...name,
    kind: kinds[raw.kind] ?? 'other',
    encoding: raw.encoding,
    columns: raw.columns.map(sideColumn),
    uniqueKeys: keys(({ native }) => native),
    byteKeys: keys(({ provider, locale }) => (orderOf(provider, locale) ?? 'C') === 'C'),
    primaryKey: raw.keys.find(({ primary }) => primary)?.columns.map(({ name }) => name) ?? [],
    bytes: raw.bytes,
    rowSecurity: raw.rowSecurity,
  };
}

const sideColumn = (raw: RawColumn): SideColumn => ({
  name: raw.name,
  type: {
    sql: raw.isArray ? `${raw.sql}[]` : raw.sql,
    name: raw.type,
    builtIn: raw.builtIn,
    kind: raw.isNested ? 'other' : (typeKinds[raw.typtype] ?? 'other'),
    isArray: raw.isArray,
    labels: raw.labels,
  },
  nullable: raw.nullable,
  readable: raw.readable,
  order: orderOf(raw.provider, raw.locale),
  looseEquality: !raw.deterministic,
});

const orderOf = (provider: string | null, locale: string | null): string | undefined =>
  provider === null ? undefined : textOrder(provider, locale ?? '');

/** One name for one order: of bytes is `C`; the built-in locales of PostgreSQL are, too, in UTF-8. */
export function textOrder(provider: string, locale: string): string {
  if (provider === 'b' || locale === 'C' || locale === 'POSIX') return 'C';
  return `${providers[provider] ?? provider} ${locale.replace(/utf-?8$/i, 'UTF-8')}`;
}
