import { FarshoreError } from '../model/errors.ts';

export const unorderedDelete = (table: string): FarshoreError =>
  new FarshoreError('record_unmappable', 'A null value deletes by the order of its log, and the table takes several topics', {
    place: `table ${table}`,
    hint: 'Send deletes that carry a version (`deleteWhen`).',
  });

/** It would delete the row of its key in every table of the topic: keys of two kinds of record need not be of one thing. */
export const undirectedDelete = (): FarshoreError =>
  new FarshoreError(
    'record_unmappable',
    'A null value does not say which of its topic’s tables it is of, and `only` divides records among them',
    {
      hint: 'Send deletes that carry a version (`deleteWhen`), or each table’s records in a topic of their own.',
    },
  );

/** The same error with the record's place in front, the table's in its text. */
export function placed(error: FarshoreError, place: string): FarshoreError {
  const message = error.place === undefined ? error.message : `${error.message} (${error.place})`;
  return new FarshoreError(error.code, message, {
    cause: error,
    place,
    facts: error.facts,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
