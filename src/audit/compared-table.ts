import { FarshoreError } from '../model/errors.ts';
import type { SourceTable } from '../model/source-table.ts';
import { quoteName, quoteTable, type TableName } from '../model/sql-name.ts';
import { canonicalClass } from './canonical.ts';
import type { AuditSide, ComparedColumn, ComparedKeyColumn, CompareOutcome, Side, SideColumn, Sides, SideTable } from './contracts.ts';
import { keyClass } from './key.ts';
import { walkedKey } from './walked-key.ts';

/** What is to be compared, before either side was looked at: the regional table, and what `sourceTableOf` of apply answers for its entry. */
export interface WantedComparison {
  readonly region: TableName;
  readonly source: SourceTable;
  /** Regional columns that identify a row; undefined: the regional primary key. */
  readonly key: readonly string[] | undefined;
  /** SQL condition on the regional table: rows that count as there. */
  readonly live: string | undefined;
  /** Columns named under `source` that the regional table does not have. */
  readonly unknown: readonly string[];
}

/** Looks at both sides. Rejects only where a side cannot be asked; a table that cannot be compared is refused with its reasons. */
export async function prepareComparison(
  sides: Readonly<Record<Side, Pick<AuditSide, 'describe' | 'checkCondition'>>> | Sides,
  wanted: WantedComparison,
  signal: AbortSignal,
): Promise<CompareOutcome> {
  const [primary, region] = await Promise.all([
    sides.primary.describe(wanted.source.table, signal),
    sides.region.describe(wanted.region, signal),
  ]);
  const outcome = comparedTable(wanted, { primary, region });
  if (outcome.kind === 'refused') return outcome;
  try {
    await sides.primary.checkCondition(wanted.source.table, wanted.source.where, signal);
    return outcome;
  } catch (error) {
    if (error instanceof FarshoreError && error.code === 'table_unmappable') return { kind: 'refused', reasons: [error] };
    throw error;
  }
}

const nameText = ({ schema, table }: TableName): string => `${schema}.${table}`;
const where: Readonly<Record<Side, string>> = { primary: 'at the primary', region: 'in the region' };

/** The comparison, or every reason against it at once. */
export function comparedTable(wanted: WantedComparison, described: Readonly<Record<Side, SideTable | undefined>>): CompareOutcome {
  const { source } = wanted;
  const place = `table ${nameText(wanted.region)}`;
  const reasons: FarshoreError[] = [];
  const refuse = (code: FarshoreError['code'], message: string, hint: string) =>
    reasons.push(new FarshoreError(code, message, { place, hint }));

  const { primary, region } = described;
  if (primary === undefined) {
    refuse(
      'table_missing',
      `There is no table ${nameText(source.table)} at the primary`,
      'Name it under `source.table` of the entry in `apply.tables`.',
    );
  }
  if (region === undefined) refuse('table_missing', `There is no table ${nameText(wanted.region)} in the region`, 'Create it there.');
  if (primary === undefined || region === undefined) return { kind: 'refused', reasons };

  for (const name of wanted.unknown) {
    refuse('table_mismatch', `Column ${name} named under \`source\` is not in the regional table`, 'Mend `source` of the entry.');
  }
  for (const [side, table] of [
    ['primary', primary],
    ['region', region],
  ] as const) {
    if (!table.rowSecurity) continue;
    const hint = 'Let the role see every row: alter role … bypassrls;';
    refuse('table_incomparable', `Row security hides rows of ${nameText(table)} ${where[side]} from the role that reads it`, hint);
  }
  if (primary.encoding !== region.encoding) {
    const message = `The primary's database is in ${primary.encoding}, the region's in ${region.encoding}: digests of texts differ`;
    refuse('table_incomparable', message, 'Only databases of one encoding can be compared.');
  }

  const columns: ComparedColumn[] = [];
  const found = new Map<string, Readonly<Record<Side, SideColumn>>>();
  const unreadable: Record<Side, string[]> = { primary: [], region: [] };
  for (const [name, primaryName] of source.columns) {
    const sides = {
      primary: primary.columns.find((column) => column.name === primaryName),
      region: region.columns.find((column) => column.name === name),
    };
    if (sides.region === undefined) {
      refuse('table_mismatch', `Column ${name} is not in the regional table`, 'Look at it again: it was there a moment ago.');
      continue;
    }
    if (sides.primary === undefined) {
      const message = `Column ${primaryName} is not in ${nameText(primary)} at the primary`;
      const hint = `Name its counterpart, \`source: { columns: { ${name}: … } }\`, or leave it out: \`source: { omit: [${name}] }\`.`;
      refuse('table_mismatch', message, hint);
      continue;
    }
    const pair = { primary: sides.primary, region: sides.region };
    for (const side of ['primary', 'region'] as const) if (!pair[side].readable) unreadable[side].push(pair[side].name);
    const as = canonicalClass({ primary: pair.primary.type, region: pair.region.type });
    if (typeof as === 'object') {
      refuse('table_incomparable', `Column ${name} cannot be compared: ${as.why}`, `Leave it out: \`source: { omit: [${name}] }\`.`);
      continue;
    }
    found.set(name, pair);
    columns.push({ name, as, primary: named(pair.primary), region: named(pair.region) });
  }
  for (const [side, names] of Object.entries(unreadable) as [Side, string[]][]) {
    if (names.length === 0) continue;
    const table = { primary, region }[side];
    const all = names.length === source.columns.size;
    const hint = `grant select${all ? '' : ` (${names.map(quoteName).join(', ')})`} on ${quoteTable(table)} to the role that reads it;`;
    const what = all ? nameText(table) : `${names.join(', ')} of ${nameText(table)}`;
    refuse('database_denied', `The role may not read ${what} ${where[side]}`, hint);
  }

  const key: ComparedKeyColumn[] = [];
  const wantedKey = wanted.key === undefined || wanted.key.length === 0 ? region.primaryKey : wanted.key;
  if (wantedKey.length === 0) {
    refuse('table_incomparable', `Table ${nameText(region)} has no primary key in the region`, 'Add one, or name `key` in the entry.');
  }
  for (const name of wantedKey) {
    const pair = found.get(name);
    if (pair === undefined) {
      if (!source.columns.has(name)) {
        const hint = `Name its counterpart at the primary: \`source: { columns: { ${name}: … } }\`.`;
        refuse('table_incomparable', `Key column ${name} has nothing at the primary to be compared with`, hint);
      }
      continue;
    }
    const as = keyClass(pair);
    if (typeof as === 'object') {
      const hint = 'Rows are walked in the order of their key: give the column the same type and collation on both sides.';
      refuse('table_incomparable', `Key column ${name} cannot be walked: ${as.why}`, hint);
      continue;
    }
    key.push({ ...columns.find((column) => column.name === name)!, keyAs: as });
  }
  if (wantedKey.length > 0 && key.length === wantedKey.length) {
    const walked = walkedKey({ primary, region }, key);
    if ('message' in walked) refuse('table_incomparable', walked.message, walked.hint);
    else key.splice(0, key.length, ...walked.key);
  }
  if (reasons.length > 0) return { kind: 'refused', reasons };
  const versioned = region.columns.some(({ name, readable }) => name === 'farshore_version' && readable);
  return {
    kind: 'compared',
    table: {
      primary: { table: source.table, where: source.where },
      region: { table: wanted.region, where: wanted.live },
      ...{ key, columns, versioned },
    },
  };
}

const named = ({ name, type }: SideColumn): ComparedColumn[Side] => ({ name, type });
