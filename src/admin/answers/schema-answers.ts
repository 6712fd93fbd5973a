import {
  type AttributeView,
  attributeStates,
  type MappingView,
  type ProblemView,
  type SchemaView,
  type TableView,
  type UnfilledView,
} from '../../model/schema-view.ts';
import { flag, listOf, named, oneOf, orNull, shape, text } from './schema-of.ts';

const problem = named<ProblemView>('SchemaProblem', { code: text, message: text, hint: orNull(text) });

const attribute = named<AttributeView>('Attribute', {
  field: orNull(text),
  source: oneOf(['field', 'value', 'document', 'delete_mark']),
  type: orNull(text),
  nullable: flag,
  doc: orNull(text),
  column: orNull(text),
  columnType: orNull(text),
  cast: orNull(text),
  allowed: flag,
  roles: listOf(text),
  state: oneOf(attributeStates),
  problem: orNull(problem),
});

const mapping = named<MappingView>('Mapping', {
  schema: orNull(text),
  record: orNull(text),
  met: flag,
  newest: flag,
  attributes: listOf(attribute),
  unfilled: listOf(
    shape<UnfilledView>({
      column: text,
      columnType: text,
      kept: oneOf(['default', 'null', 'generated', 'farshore', 'nothing']),
      problem: orNull(problem),
    }),
  ),
  problems: listOf(problem),
});

export const schemaAnswer = shape<SchemaView>({
  tables: listOf(
    named<TableView>('MappedTable', {
      topic: text,
      table: text,
      sharedWith: listOf(text),
      stops: orNull(flag),
      unknown: orNull(text),
      schemas: listOf(mapping),
      problems: listOf(problem),
    }),
  ),
});
