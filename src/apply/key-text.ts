import { baseType } from './column-types.ts';
import type { ArrayElement } from './dependencies.ts';

type KeyValue = Exclude<ArrayElement, null>;

/** What a key is told apart by. A whole number where a number holds it: a map finds that without a text. */
export type KeyText = string | number;

/** How texts of a key column's type can differ and be equal. */
export type KeyKind = 'whole' | 'uuid' | 'numeric' | 'padded' | 'other';

const kinds: Readonly<Record<string, KeyKind>> = {
  bigint: 'whole',
  integer: 'whole',
  smallint: 'whole',
  uuid: 'uuid',
  numeric: 'numeric',
  character: 'padded',
};

export const keyKindOf = (type: string): KeyKind => kinds[baseType(type)] ?? 'other';

const wholeNumber = /^\s*[+-]?\d{1,40}\s*$/;

/** Every form of a number becomes the same one: `7` and `"7"` are two keys of a map. */
function wholeOf(value: bigint): KeyText {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/**
 * One text for values that the key column's type holds equal: `7` and `007` of a bigint, both cases of a
 * uuid, `1.0` and `1.00` of a numeric. Two texts for one key are no harm to order (the version guard holds it), but
 * one statement may not touch a row twice.
 */
function canonical(value: KeyValue, kind: KeyKind): KeyText {
  if (kind === 'whole') {
    // A whole number beyond is no key of its own: of -2^53 the reader of a body makes a number, and of its text a bigint.
    if (typeof value === 'number') return Number.isSafeInteger(value) ? value : String(value);
    if (typeof value === 'bigint') return wholeOf(value);
    if (typeof value === 'string' && wholeNumber.test(value)) return wholeOf(BigInt(value.trim().replace(/^\+/, '')));
  }
  if (typeof value !== 'string') return String(value);
  switch (kind) {
    case 'uuid':
      return value.toLowerCase().replace(/[{}-]/g, '');
    case 'numeric':
      return value.includes('.') && !/e/i.test(value) ? value.replace(/\.?0+$/, '') : value;
    case 'padded':
      return value.replace(/ +$/, '');
    default:
      return value;
  }
}

/** The map key of a row: the texts of its key columns, each with its length in front when there are several. */
export function keyText(values: readonly KeyValue[], columns: readonly KeyKind[]): KeyText {
  if (values.length === 1) return canonical(values[0]!, columns[0]!);
  let text = '';
  for (let i = 0; i < values.length; i++) {
    const part = String(canonical(values[i]!, columns[i]!));
    text += `${part.length}:${part}`;
  }
  return text;
}
