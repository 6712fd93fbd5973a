import { createHash } from 'node:crypto';
import type { MappedColumn } from './map-columns.ts';

export const logOrder = (version: string): string => `substr(${version}, 1, 4) || substr(${version}, octet_length(${version}) - 11)`;
export const hexLogOrder = (hex: string): string => `decode(left(${hex}, 8) || right(${hex}, 24), 'hex')`;

// Prepared once a connection; the name follows from the text, so that two texts never meet under one name.
export const nameOf = (text: string): string => `farshore_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;

export const castOf = (column: MappedColumn, index: number): string =>
  column.travel.cast === undefined ? `i.c${index}` : `i.c${index}::${column.travel.cast}`;

// A moment in JSON would be written in the session's time zone.
export const jsonPart = (column: MappedColumn, index: number): string =>
  column.type.endsWith('with time zone') ? `(i.c${index} at time zone 'UTC')` : castOf(column, index);

/** `unnest($1::bigint[], …, $n::text[]) as i (c0, …, v)` */
export function unnested(columns: readonly MappedColumn[]): string {
  const parameters = columns.map(({ travel }, index) => `$${index + 1}::${travel.array}[]`);
  const names = columns.map((_, index) => `c${index}`);
  return `unnest(${[...parameters, `$${columns.length + 1}::text[]`].join(', ')}) as i (${[...names, 'v'].join(', ')})`;
}

// The first `exists` names no row and is asked once a statement: a table that never lost a row does not pay for looking each key up,
// which was a quarter of the server's work.
export function notDeleted(columns: readonly MappedColumn[], keyIndexes: readonly number[], hasSource: boolean): string {
  const given = `decode(i.v, 'hex')`;
  const blocks = hasSource
    ? `case when get_byte(d.version, 4) = 0 then ${logOrder('d.version')} >= ${hexLogOrder('i.v')} else d.version >= ${given} end`
    : `d.version >= ${given}`;
  const name = `$${columns.length + 2}`;
  return `not (exists (select 1 from farshore.tombstones where table_name = ${name})
        and exists (select 1 from farshore.tombstones d
                     where d.table_name = ${name} and d.key = jsonb_build_array(${keyIndexes.map((index) => jsonPart(columns[index]!, index)).join(', ')})
                       and ${blocks}))`;
}
