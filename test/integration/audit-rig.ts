import { prepareComparison, type WantedComparison } from '../../src/audit/compared-table.ts';
import type { ComparedTable, PassStep, Side, Suspect } from '../../src/audit/contracts.ts';
import { passSteps } from '../../src/audit/pass.ts';
import { PostgresAuditSide } from '../../src/postgres/audit-side.ts';
import type { Database } from '../../src/postgres/database.ts';
import { freshDatabase } from '../rig/context.ts';
import { never, openDatabase, rowsOf } from './postgres-fixtures.ts';

/** Two databases that are compared; `primary` and `region` write as they like, the sides read as the audit does. */
export interface AuditRig {
  readonly urls: Readonly<Record<Side, string>>;
  readonly databases: Readonly<Record<Side, Database>>;
  readonly sides: Readonly<Record<Side, PostgresAuditSide>>;
  readonly both: (text: string) => Promise<void>;
  readonly at: (side: Side, text: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** `settings` of each side are those of its database: `alter database … set`. */
export async function auditRig(settings: Partial<Record<Side, Readonly<Record<string, string>>>> = {}): Promise<AuditRig> {
  const urls = { primary: await freshDatabase(), region: await freshDatabase() };
  for (const side of ['primary', 'region'] as const) {
    const setting = openDatabase(urls[side]);
    const name = new URL(urls[side]).pathname.slice(1);
    for (const [key, value] of Object.entries(settings[side] ?? {}))
      await rowsOf(setting, `alter database ${name} set ${key} = '${value}'`);
    await setting.close();
  }
  const databases = { primary: openDatabase(urls.primary), region: openDatabase(urls.region) };
  const reading = { primary: openDatabase(urls.primary, { readOnly: true }), region: openDatabase(urls.region) };
  const at = async (side: Side, text: string) => void (await rowsOf(databases[side], text));
  return {
    urls,
    databases,
    sides: { primary: new PostgresAuditSide('primary', reading.primary), region: new PostgresAuditSide('region', reading.region) },
    at,
    both: async (text) => {
      await at('primary', text);
      await at('region', text);
    },
    close: async () => {
      for (const database of [...Object.values(databases), ...Object.values(reading)]) await database.close();
    },
  };
}

/** The same columns on both sides but for `changes`. */
export async function wanted(rig: AuditRig, table: string, changes: Partial<WantedComparison> = {}): Promise<WantedComparison> {
  const name = { schema: 'public', table };
  const described = await rig.sides.region.describe(name, never);
  const columns = new Map(
    (described?.columns ?? []).filter((column) => column.name !== 'farshore_version').map((column) => [column.name, column.name]),
  );
  return { region: name, source: { table: name, columns, where: undefined }, key: undefined, live: undefined, unknown: [], ...changes };
}

export async function compared(rig: AuditRig, table: string, changes: Partial<WantedComparison> = {}): Promise<ComparedTable> {
  const outcome = await prepareComparison(rig.sides, await wanted(rig, table, changes), never);
  if (outcome.kind === 'refused') throw new Error(outcome.reasons.map(({ code, message }) => `${code}: ${message}`).join('\n'));
  return outcome.table;
}

export interface Pass {
  readonly steps: readonly PassStep[];
  readonly suspects: readonly Suspect[];
  readonly rows: number;
  readonly bytes: number;
}

export async function pass(rig: AuditRig, table: ComparedTable, rowsPerRange = 100, cursor?: string): Promise<Pass> {
  const steps: PassStep[] = [];
  for await (const step of passSteps(table, rig.sides, { rowsPerRange, cursor }, never)) steps.push(step);
  return {
    steps,
    suspects: steps.flatMap(({ suspects }) => suspects),
    rows: steps.reduce((sum, { rowsCompared }) => sum + rowsCompared, 0),
    bytes: steps.reduce((sum, { bytesReceived }) => sum + bytesReceived, 0),
  };
}

/** `7 changed: note, amount`. */
export const suspectText = ({ key, kind, columns }: Suspect): string =>
  `${key.join('/')} ${kind}${columns.length === 0 ? '' : `: ${columns.join(', ')}`}`;
