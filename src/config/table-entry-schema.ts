import { z } from 'zod';
import { casts } from '../apply/casts.ts';

const text = z.string().min(1);
const scalars = z.array(z.union([z.string(), z.number(), z.boolean()], { error: 'a text, a number, true or false' })).min(1);

const columnSource = z
  .strictObject({
    field: text.optional().describe('A field, or `a.b` for one inside a record.'),
    cast: z.enum(casts).optional().describe('What the field’s value is turned into before it meets the column.'),
    value: z.union([z.string(), z.number(), z.boolean(), z.null()]).optional().describe('A constant.'),
    document: z.literal(true).optional().describe('The whole record, as JSON.'),
  })
  .meta({ id: 'columnSource', description: 'Where a column’s value comes from: `field`, `value` or `document`.' });

const fieldFilter = {
  field: text.optional().describe('Field that is looked at, or `a.b`.'),
  in: scalars.optional().describe('Its values.'),
};

const group = z
  .strictObject({
    fields: z.array(text).min(1).describe('Fields that move together.'),
    version: text.describe('Field that orders their states; where it is null the group stays as it is.'),
  })
  .meta({ id: 'group', description: 'Fields with a version of their own.' });

const source = z
  .strictObject({
    table: text
      .regex(/^[^\s.";]{1,63}(\.[^\s.";]{1,63})?$/, 'a table is written table or schema.table, without quotes')
      .optional()
      .describe('`table` or `schema.table`; left out: named as in the region.'),
    columns: z
      .record(text, text)
      .optional()
      .describe('`regional column: primary column`; left out: the field of the same name that fills the column, else the same name.'),
    omit: z.array(text).min(1).optional().describe('Regional columns that have nothing at the primary.'),
    where: text
      .optional()
      .describe('SQL condition on the primary’s table: the rows that are in the region too, such as `tenant = 7`. Left out: all.'),
  })
  .meta({ id: 'source', description: 'The primary’s table whose rows these are; audit, backfill and repair read it.' });

/** Keys of a table entry beside those that name topic, table, key and version. */
export const tableEntryMapping = {
  preset: z
    .enum(['plain', 'dionysus', 'debezium'])
    .optional()
    .describe(
      'What a record looks like: `plain` is the row; `debezium` an envelope of before, after and op; `dionysus` an event with its model in data.',
    ),
  columns: z
    .record(text, z.union([text, columnSource], { error: 'a field, or a map of keys' }))
    .optional()
    .describe('`column: field`, or `column: { … }`; left out: the same names.'),
  allow: z.array(text).min(1).optional().describe('Fields that may change a row; any other is counted and left out. Left out: all.'),
  ignore: z.array(text).min(1).optional().describe('Fields that have no column on purpose.'),
  only: z
    .strictObject({ record: text.optional().describe('Name of the Avro record, in full or its last part.'), ...fieldFilter })
    .optional()
    .describe('Records this entry takes: those of a record name, or those whose field has one of the values. Left out: all.'),
  deleteWhen: z
    .strictObject({ field: text.describe('Field that is looked at, or `a.b`.'), in: scalars.describe('Its values.') })
    .optional()
    .describe('Records that say their row is deleted; their version orders the delete.'),
  softDelete: text.optional().describe('Column, a timestamp or a boolean, that a delete sets instead of taking the row away.'),
  partial: z
    .strictObject({
      mask: text.optional().describe('Array field with the names of the fields that the record sets.'),
      absent: z.literal(true).optional().describe('A union branch, the empty record `Absent`, says that a field is not set.'),
      nulls: z.literal('absent').optional().describe('Null says that a field is not set.'),
      cleared: text.optional().describe('With `nulls`: array field with the names of the fields that become null.'),
      unknownRow: z
        .enum(['insert', 'park', 'reject'])
        .default('insert')
        .describe('A part of a row that does not exist: insert it with the columns’ defaults, park it until the row comes, or reject it.'),
    })
    .optional()
    .describe('Records set a part of a row: what they do not set stays. One of `mask`, `absent` and `nulls`.'),
  groups: z.record(text, group).optional().describe('Fields that move together under a version of their own.'),
  source: source.optional(),
};
