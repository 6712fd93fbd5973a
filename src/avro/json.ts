import type { DecodedValue } from '../apply/contracts.ts';

/**
 * A decoded value as JSON text that loses nothing PostgreSQL's jsonb can hold: longs keep every digit,
 * bytes are base64, NaN and the infinities, which JSON has no number for, are text.
 */
export function toExactJson(value: DecodedValue): string {
  switch (typeof value) {
    case 'bigint':
      return String(value);
    case 'number':
      return Number.isFinite(value) ? String(value) : `"${value}"`;
    case 'boolean':
      return value ? 'true' : 'false';
    case 'string':
      return JSON.stringify(value);
    default:
      if (value === null) return 'null';
      if (Buffer.isBuffer(value)) return `"${value.toString('base64')}"`;
      if (Array.isArray(value)) return `[${value.map((item) => toExactJson(item ?? null)).join(',')}]`;
      return `{${Object.entries(value)
        // An absent field (the branch `Absent`) is not in the document.
        .filter(([, field]) => field !== undefined)
        .map(([name, field]) => `${JSON.stringify(name)}:${toExactJson(field as DecodedValue)}`)
        .join(',')}}`;
  }
}
