import { FarshoreError } from '../model/errors.ts';
import type { KeyParts } from './kafka-key.ts';
import type { TableKey } from './mapping.ts';

const bounds: Readonly<Record<string, readonly [bigint, bigint]>> = {
  smallint: [-(2n ** 15n), 2n ** 15n - 1n],
  integer: [-(2n ** 31n), 2n ** 31n - 1n],
  bigint: [-(2n ** 63n), 2n ** 63n - 1n],
};

/** What the server may take for a whole number: also 0x1f, 0o7, 0b1 and 1_000, which newer ones know. */
const looksWhole = /^\s*[+-]?(0[xob][0-9a-f_]+|\d[\d_]*)\s*$/i;
const decimal = /^\s*[+-]?\d{1,40}\s*$/;

/**
 * Refuses the key of a delete as the server would, where that is certain: text of a plain Kafka key in a column of whole numbers. A transaction with
 * deletes takes its table alone, and for one that cannot delete anything all partitions would wait. Throws `row_refused`.
 */
export function checkWholeNumbers(parts: KeyParts, { key, name }: TableKey): void {
  for (const [i, part] of parts.entries()) {
    const range = bounds[key[i]!.type];
    if (range === undefined || typeof part !== 'string') continue;
    const { column, type } = key[i]!;
    if (!looksWhole.test(part)) throw refused(name, '22P02', `The key of a delete is no ${type} for column ${column}`);
    if (!decimal.test(part)) continue;
    const value = BigInt(part.trim().replace(/^\+/, ''));
    if (value < range[0] || value > range[1])
      throw refused(name, '22003', `The key of a delete is out of range for ${type} column ${column}`);
  }
}

const refused = (table: string, sqlState: string, message: string): FarshoreError =>
  new FarshoreError('row_refused', message, { place: `table ${table}`, facts: { sqlState, rowAtFault: true } });
