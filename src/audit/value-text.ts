import type { ComparedColumn } from './contracts.ts';

/**
 * Text of a value of the primary, as the region's column reads it. A real is the double it stands for, as in the stream and in the comparison: its
 * own shortest text, 0.1, is another double than 0.10000000149011612. A real reads either as the same.
 */
export function valueText(value: string, { as, primary: { type } }: Pick<ComparedColumn, 'as' | 'primary'>): string {
  const isReal = type.name === 'float4' && (as === 'float' || as === 'float[]');
  return isReal ? `(${value}::float8${type.isArray ? '[]' : ''})::text` : `${value}::text`;
}
