import type { ComparedTable, Key } from './contracts.ts';
import { keyText } from './key.ts';
import type { Statement } from './repair-statements.ts';

/** `k0`, `k1`, …: keys as the comparison writes them, of keys as the region's database prints the columns of `order`. */
export function comparedKeysStatement(table: ComparedTable, order: readonly string[], printed: readonly Key[]): Statement {
  const names = table.key.map((_column, index) => `p${index}`);
  const texts = table.key.map(
    ({ region, keyAs }, index) => `${keyText(`(p.p${index}::${region.type.sql})`, region.type, keyAs)} as k${index}`,
  );
  return {
    text: `select ${texts.join(', ')} from unnest(${names.map((_name, index) => `$${index + 1}::text[]`).join(', ')}) as p (${names.join(', ')})`,
    values: table.key.map(({ region }) => printed.map((key) => key[order.indexOf(region.name)]!)),
  };
}
