import type { ComparedTable, Key, Side, Sides } from '../audit/contracts.ts';
import { passSteps } from '../audit/pass.ts';
import { newestKeysStatement } from '../audit/statements.ts';
import type { Digest } from '../cutover/step-contracts.ts';
import type { Database } from '../postgres/database.ts';
import type { ActiveAudit } from './build-audit.ts';

const KEYS_AT_ONCE = 1_000;

export interface DigestSettings {
  readonly newestKeys: number;
  readonly rowsPerRange: number;
}

/**
 * Compares rows while neither side is written to: without the bracket of the audit, which waits for records to come through. The rows that
 * were written last, on each side, are those that a drain could have missed.
 */
export function buildDigest(
  { tables, sides, primary }: Pick<ActiveAudit, 'tables' | 'sides' | 'primary'>,
  region: Database,
  { newestKeys, rowsPerRange }: DigestSettings,
): Digest {
  const databases: Readonly<Record<Side, Database>> = { primary, region };
  const newest = async (table: ComparedTable, side: Side, signal: AbortSignal): Promise<readonly Key[]> => {
    const { rows } = await databases[side].query(newestKeysStatement(table, side, newestKeys), signal);
    return rows.map((row) => table.key.map((_column, index) => String(row[`k${index}`])));
  };
  return {
    async compare(all, signal) {
      const compared: { table: string; keys: number; different: number }[] = [];
      const refused: string[] = [];
      for (const { name, prepare } of tables) {
        const prepared = await prepare(signal);
        if (prepared.kind === 'refused') {
          refused.push(`${name}: ${prepared.reasons.map(({ message }) => message).join(', ')}`);
          continue;
        }
        const { table } = prepared;
        if (all) {
          compared.push({ table: name, ...(await wholeTable(table, sides, rowsPerRange, signal)) });
          continue;
        }
        const keys = new Map<string, Key>();
        for (const side of ['primary', 'region'] as const)
          for (const key of await newest(table, side, signal)) keys.set(JSON.stringify(key), key);
        compared.push({ table: name, keys: keys.size, different: await different(table, sides, [...keys.values()], signal) });
      }
      return { tables: compared, refused };
    },
  };
}

async function different(table: ComparedTable, sides: Sides, keys: readonly Key[], signal: AbortSignal): Promise<number> {
  let count = 0;
  for (let start = 0; start < keys.length; start += KEYS_AT_ONCE) {
    const chunk = keys.slice(start, start + KEYS_AT_ONCE);
    const [primary, region] = await Promise.all([sides.primary.look(table, chunk, signal), sides.region.look(table, chunk, signal)]);
    for (const [index, row] of primary.value.entries()) {
      const other = region.value[index];
      if (row.present !== other?.present || row.digest !== other.digest) count++;
    }
  }
  return count;
}

async function wholeTable(table: ComparedTable, sides: Sides, rowsPerRange: number, signal: AbortSignal) {
  let [keys, count] = [0, 0];
  for await (const { rowsCompared, suspects, unlisted } of passSteps(table, sides, { rowsPerRange, cursor: undefined }, signal)) {
    keys += rowsCompared;
    count += suspects.length + unlisted.reduce((sum, { primaryRows, regionRows }) => sum + Math.max(primaryRows, regionRows), 0);
  }
  return { keys, different: count };
}
