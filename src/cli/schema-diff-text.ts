import type { AttributeView, MappingView, ProblemView, SchemaView, TableView, UnfilledView } from '../model/schema-view.ts';
import { printable, textTable } from './output.ts';

const HEAD = ['FIELD', 'TYPE', 'COLUMN', 'COLUMN TYPE', 'STATE'];

/** One block a table and schema: a line a field or column, then each difference with what mends it. */
export function diffText({ tables }: SchemaView): string {
  if (tables.length === 0) return 'no table is applied\n';
  const stopping = tables.filter(({ stops }) => stops === true).length;
  const unknown = tables.filter(({ stops }) => stops === null).length;
  const blocks = tables.map(tableText);
  const count = [
    `${tables.length} tables`,
    `${stopping} stopped by a difference`,
    ...(unknown === 0 ? [] : [`${unknown} without a known schema`]),
  ];
  return `${blocks.join('\n')}\n${count.join(', ')}\n`;
}

function tableText({ topic, table, sharedWith, stops, unknown, schemas, problems }: TableView): string {
  const verdict = stops === null ? 'no schema is known' : stops ? 'does not fit: it stops' : 'fits';
  const lines = [`${topic} → ${table}: ${verdict}\n`];
  if (sharedWith.length > 0) lines.push(`  also written by ${sharedWith.join(', ')}\n`);
  if (unknown !== null) lines.push(`  newest schema not known: ${printable(unknown)}\n`);
  if (schemas.length === 0) lines.push('  no record of a schema for it came since the daemon became active\n');
  return lines.join('') + schemas.map(schemaText).join('') + problemsText(problems);
}

function schemaText(mapping: MappingView): string {
  const rows = [HEAD, ...mapping.attributes.map(attributeRow), ...mapping.unfilled.map(unfilledRow)];
  return `\nschema ${schemaName(mapping)}\n${textTable(rows)}${problemsText(mapping.problems)}`;
}

export function schemaName({ schema, record, met, newest }: MappingView): string {
  const facts = [...(record === null ? [] : [record]), ...(newest ? ['the newest'] : []), met ? 'met' : 'not met yet'];
  return `${schema ?? 'without an id'} (${facts.join(', ')})`;
}

export const typeText = ({ type, nullable }: Pick<AttributeView, 'type' | 'nullable'>): string =>
  type === null ? '-' : nullable && type !== 'null' ? `${type} or null` : type;

export const sourceText = ({ field, source }: Pick<AttributeView, 'field' | 'source'>): string =>
  field ?? { field: '-', value: '(constant)', document: '(whole record)', delete_mark: '(delete mark)' }[source];

function attributeRow(attribute: AttributeView): readonly string[] {
  const { column, columnType } = attribute;
  const cells = [sourceText(attribute), typeText(attribute), column ?? '-', columnType ?? '-', stateText(attribute)];
  return cells.map(printable);
}

function stateText({ state, columnType, cast, roles, problem }: AttributeView): string {
  const facts = [...roles, ...(cast === null ? [] : [`cast ${cast}`])];
  const more = facts.length === 0 ? '' : `, ${facts.join(', ')}`;
  switch (state) {
    case 'ok':
      return `ok${more}`;
    case 'added':
      return `ok, Farshore adds the column${more}`;
    case 'no_column':
      return problem === null || columnType === null ? 'no column' : `no column: ${problem.message}`;
    case 'type_differs':
      return `type differs: ${problem?.message ?? ''}${more}`;
    case 'unusable':
      return `unusable: ${problem?.message ?? ''}`;
    case 'absent':
      return `not in this schema, left as it is${more}`;
    case 'ignored':
      return 'ignored';
    case 'not_allowed':
      return 'not allowed';
    case 'signal':
      return 'ok, says what the record is';
    case 'version':
      return `ok, no column${more}`;
    case 'in_document':
      return 'ok, in the document only';
  }
}

function unfilledRow({ column, columnType, kept, problem }: UnfilledView): readonly string[] {
  const states = {
    default: 'no field, takes its default',
    null: 'no field, stays null',
    generated: 'no field, made by the database',
    farshore: 'ok, of Farshore',
    nothing: 'no field',
  } as const;
  const state = problem === null ? states[kept] : `${kept === 'nothing' ? 'no field' : states[kept]}: ${problem.message}`;
  return ['-', '-', column, columnType, state].map(printable);
}

const problemsText = (problems: readonly ProblemView[]): string =>
  problems
    .map(({ code, message, hint }) => `${code}: ${printable(message)}\n${hint === null ? '' : `  next: ${printable(hint)}\n`}`)
    .join('');
