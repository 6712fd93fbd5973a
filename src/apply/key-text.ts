import { baseType } from './column-types.ts';
import type { ArrayElement } from './dependencies.ts';

type KeyValue = Exclude<ArrayElement, null>;

const wholeNumber = /^\s*[+-]?\d{1,40}\s*$/;

/**
 * One text for values that the key column's type holds equal: `7` and `007` of a bigint, both cases of a
 * uuid, `1.0` and `1.00` of a numeric. Two texts for one key are no harm to order (the version guard holds it), but
 * one statement may not touch a row twice.
 */
function canonical(value: KeyValue, type: string): string {
  if (typeof value !== 'string') return String(value);
  switch (baseType(type)) {
    case 'bigint':
    case 'integer':
    case 'smallint':
      return wholeNumber.test(value) ? BigInt(value.trim().replace(/^\+/, '')).toString() : value;
    case 'uuid':
      return value.toLowerCase().replace(/[{}-]/g, '');
    case 'numeric':
      return value.includes('.') && !/e/i.test(value) ? value.replace(/\.?0+$/, '') : value;
    case 'character':
      return value.replace(/ +$/, '');
    default:
      return value;
  }
}

/** The map key of a row: the texts of its key columns, each with its length in front when there are several. */
export function keyText(values: readonly KeyValue[], types: readonly string[]): string {
  if (values.length === 1) return canonical(values[0]!, types[0]!);
  let text = '';
  for (let i = 0; i < values.length; i++) {
    const part = canonical(values[i]!, types[i]!);
    text += `${part.length}:${part}`;
  }
  return text;
}
