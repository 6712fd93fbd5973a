import type { ValueForm } from './column-types.ts';
import type { DecodedValue } from './contracts.ts';
import type { ArrayElement, ArrayLiteral, ExactJson, MakeArrayText } from './dependencies.ts';

export interface ValueWriters {
  readonly arrayText: MakeArrayText;
  /** For an array inside an element. */
  readonly arrayLiteral: ArrayLiteral;
  readonly exactJson: ExactJson;
}

/** `bytea` in hex form. */
export const bytesText = (bytes: Buffer): string => `\\x${bytes.toString('hex')}`;

/** A decoded value as an element of its column's array parameter. Scalars go as they are. */
export function columnValue(value: DecodedValue | undefined, form: ValueForm, writers: ValueWriters): ArrayElement {
  if (value === null || value === undefined) return null;
  if (form === 'plain' && typeof value !== 'object') return value;
  if (form === 'array' && Array.isArray(value)) return writers.arrayLiteral(value.map((item) => itemValue(item, writers)));
  if (form !== 'json' && Buffer.isBuffer(value)) return bytesText(value);
  if (form !== 'json' && typeof value !== 'object') return value;
  return writers.exactJson(value);
}

function itemValue(item: DecodedValue, { exactJson }: ValueWriters): ArrayElement {
  if (item === null || typeof item !== 'object') return item;
  return Buffer.isBuffer(item) ? bytesText(item) : exactJson(item);
}
