import type { ProblemView, UnfilledView } from '../model/schema-view.ts';
import type { TableDescription } from './dependencies.ts';
import type { MappedColumn } from './map-columns.ts';
import { VERSION_COLUMN } from './mapping.ts';
import { UNITS_COLUMN } from './units.ts';

/** The columns that no field fills, and what they hold instead. */
export function describeColumns(
  table: TableDescription,
  filled: readonly MappedColumn[],
  added: ReadonlySet<string>,
  problemOf: (column: string) => ProblemView | null,
): readonly UnfilledView[] {
  const left = table.columns.filter(({ name }) => !added.has(name) && !filled.some(({ column }) => column === name));
  const unfilled = left.map(({ name, type, nullable, hasDefault, generated, identity }): UnfilledView => {
    const own = name === VERSION_COLUMN || name === UNITS_COLUMN;
    const isGenerated = generated !== 'no' || identity !== 'no';
    const kept = own ? 'farshore' : isGenerated ? 'generated' : hasDefault ? 'default' : nullable ? 'null' : 'nothing';
    return { column: name, columnType: type, kept, problem: problemOf(name) };
  });
  // Farshore's own, where the table lacks them.
  const lacking = [VERSION_COLUMN, UNITS_COLUMN].flatMap((name): readonly UnfilledView[] => {
    const problem = table.columns.some((column) => column.name === name) ? null : problemOf(name);
    return problem === null ? [] : [{ column: name, columnType: name === VERSION_COLUMN ? 'bytea' : 'jsonb', kept: 'nothing', problem }];
  });
  return [...unfilled, ...lacking];
}
