import type { AttributeView, MappingView, SchemaView, TableView } from '../model/schema-view.ts';
import { printable } from './output.ts';
import { sourceText, typeText } from './schema-diff-text.ts';

/** Markdown: a section a table, a row an attribute. */
export function docsText({ tables }: SchemaView): string {
  const byTable = Map.groupBy(tables, ({ table }) => table);
  const sections = [...byTable].map(([table, entries]) => section(table, entries));
  return `# Attributes of the tables\n${sections.map((text) => `\n${text}`).join('')}`;
}

function section(table: string, entries: readonly TableView[]): string {
  const topics = [...new Set(entries.flatMap(({ topic, sharedWith }) => [topic, ...sharedWith]))].toSorted();
  const writers =
    topics.length === 1
      ? `Written by topic ${code(topics[0]!)}.`
      : `Several topics write this table: ${topics.map(code).join(', ')}. The newest source version of a row decides.`;
  const notes = entries.flatMap(({ topic, schemas }) =>
    schemas.length > 0 ? [] : [`No schema of ${code(topic)} is known: its attributes are not listed.`],
  );
  const rows = entries.flatMap((entry) => attributesOf(entry).map((one) => row(entry.topic, one)));
  const head = '| Attribute | Type | Column | Column type | Topic | Allowed | Documentation |\n|---|---|---|---|---|---|---|\n';
  return `## ${cell(table)}\n\n${[writers, ...notes].join('\n')}\n${rows.length === 0 ? '' : `\n${head}${rows.join('')}`}`;
}

interface Documented {
  readonly attribute: AttributeView;
  /** Named where not the first of the topic's schemas has it. */
  readonly older: MappingView | undefined;
}

/** Those of the newest schema, then what only others have. */
function attributesOf({ schemas }: TableView): readonly Documented[] {
  const found = new Map<string, Documented>();
  for (const [index, mapping] of schemas.entries()) {
    for (const attribute of mapping.attributes) {
      const name = JSON.stringify([attribute.field, attribute.source, attribute.column]);
      const known = found.get(name);
      // The newest schema may lack a field that an older one still describes.
      if (known !== undefined && known.attribute.type !== null) continue;
      found.set(name, { attribute, older: index === 0 ? undefined : mapping });
    }
  }
  return [...found.values()];
}

function row(topic: string, { attribute, older }: Documented): string {
  const { column, columnType, allowed, roles, doc, state, cast } = attribute;
  const facts = [
    ...roles,
    ...(cast === null ? [] : [`cast ${cast}`]),
    ...(older === undefined ? [] : [`only in schema ${older.schema ?? 'met before'}`]),
  ];
  const words = [...(doc === null || doc.trim() === '' ? [] : [doc]), ...(facts.length === 0 ? [] : [`(${facts.join(', ')})`])];
  const cells = [
    sourceText(attribute),
    typeText(attribute),
    column ?? '-',
    columnType ?? '-',
    topic,
    allowed ? 'yes' : `no${state === 'not_allowed' ? '' : `, ${why(state)}`}`,
    words.join(' '),
  ];
  return `| ${cells.map(cell).join(' | ')} |\n`;
}

const why = (state: AttributeView['state']): string =>
  state === 'ignored' ? 'ignored' : state === 'version' ? 'orders the states only' : 'says what the record is';

const code = (text: string): string => `\`${text.replaceAll('`', '')}\``;

/** Text of strangers: it stays in its cell, and is no markup. */
const cell = (text: string): string =>
  printable(text.replaceAll(/\s+/g, ' '))
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll(/[\\|`*[\]]/g, '\\$&')
    .trim();
