import { quoteName, quoteTable } from '../model/sql-name.ts';
import type { Statement } from './contracts.ts';
import { VERSION_COLUMN } from './mapping.ts';
import type { SampledRows } from './read-back-sample.ts';
import { castOf, jsonPart, nameOf, notDeleted, unnested } from './statement-parts.ts';

/**
 * Which of the sampled rows are not what apply wrote. One statement sees the table and its tombstones at one moment, so a row that
 * apply itself has moved on meanwhile is told by its higher version, or by the tombstone of its delete, and is no difference:
 *
 *     missing    no row, and no delete that explains it: removed or truncated behind the daemon
 *     changed    the version that apply gave, with other content: written behind the daemon, or by a trigger
 *     reverted   an older version than the one that was committed: restored, or failed over to a copy that was behind
 *
 * Answers `key` (JSON array), `kind` and `columns`. Values are compared as text: json and point have no equality of their own.
 */
export function readBackStatement({ mapping, rows }: SampledRows): Statement {
  const { columns, keyIndexes, table, name, hasSource } = mapping;
  const version = `t.${quoteName(VERSION_COLUMN)}`;
  const given = `decode(i.v, 'hex')`;
  const key = keyIndexes.map((index) => columns[index]!);
  const matches = keyIndexes.map((index) => `t.${quoteName(columns[index]!.column)} = ${castOf(columns[index]!, index)}`);
  const compared = columns.map((column, index) => ({
    name: column.column,
    differs: `t.${quoteName(column.column)}::text is distinct from (${castOf(column, index)})::${column.type}::text`,
  }));
  const found = `t.${quoteName(key[0]!.column)} is not null`;
  const stands = notDeleted(columns, keyIndexes, hasSource);
  const text = `select jsonb_build_array(${keyIndexes.map((index) => jsonPart(columns[index]!, index)).join(', ')})::text as key,
       case when not (${found}) then 'missing' when ${version} = ${given} then 'changed' else 'reverted' end as kind,
       to_json(case when ${found} then array_remove(array[${compared.map(({ name: column, differs }) => `case when ${differs} then ${literal(column)} end`).join(', ')}]::text[], null)
            else '{}'::text[] end)::text as columns
  from ${unnested(columns)}
  left join ${quoteTable(table)} as t on ${matches.join(' and ')}
 where case when not (${found}) then ${stands}
            when ${version} = ${given} then ${compared.map(({ differs }) => differs).join(' or ')}
            when ${version} is null or ${version} < ${given} then ${stands}
            else false end`;
  return { name: nameOf(text), text, values: [...rows.columns, rows.versions, name] };
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
