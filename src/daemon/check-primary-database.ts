import { tableNameOf } from '../apply/table-entry.ts';
import { prepareComparison } from '../audit/compared-table.ts';
import type { FarshoreConfig } from '../config/config.ts';
import { systemClock } from '../model/clock.ts';
import type { FarshoreError } from '../model/errors.ts';
import type { Finding } from '../model/finding.ts';
import { tableText } from '../model/sql-name.ts';
import { PostgresAuditSide } from '../postgres/audit-side.ts';
import type { Database } from '../postgres/database.ts';
import { missingReads } from '../postgres/grants.ts';
import { describeTables } from '../postgres/tables.ts';
import { primaryDatabase } from './database.ts';
import { problemFinding } from './finding.ts';
import { tableSource } from './table-source.ts';

const area = 'primary database';

/** The primary's database as audit, backfill and repair meet it: the login, the right to read, and whether each table can be compared. */
export async function checkPrimaryDatabase(region: Database, config: FarshoreConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  if (config.primary.database === undefined) return [];
  const primary = primaryDatabase(() => config.primary.database!, 1, systemClock);
  const findings: Finding[] = [];
  try {
    await primary.checkServer(signal);
    findings.push({ area, level: 'ok', what: 'The database answers' });
    const described = await describeTables(region, config.apply.tables.map(tableNameOf), signal).catch(() => []);
    const sources = described.flatMap((table) => {
      const name = tableText(table);
      const entries = config.apply.tables.filter((one) => tableText(tableNameOf(one)) === name);
      const source = tableSource(name, entries, table, 'table_incomparable');
      if (source.kind === 'resolved') return [{ name, table, resolved: source.resolved }];
      findings.push(leftOut(source.reason));
      return [];
    });
    const missing = await missingReads(
      primary,
      sources.map(({ resolved }) => resolved.source.table),
      signal,
    );
    for (const { object, right, role, grant } of missing) {
      findings.push({ area, level: 'problem', what: `Role ${role} lacks ${right} on ${object}`, place: object, hint: grant });
    }
    const sides = { primary: new PostgresAuditSide('primary', primary), region: new PostgresAuditSide('region', region) };
    for (const { name, table, resolved } of sources) {
      const wanted = { region: table, source: resolved.source, key: resolved.key, live: resolved.live, unknown: resolved.unknown };
      const outcome = await prepareComparison(sides, wanted, signal);
      if (outcome.kind === 'compared') {
        findings.push({ area, level: 'ok', what: `The audit can compare ${name}`, place: `table ${name}` });
        continue;
      }
      for (const reason of outcome.reasons) {
        const isDenied = reason.code === 'database_denied';
        // A grant on the whole table was told above, with the role's name in its command.
        if (isDenied && missing.length > 0) continue;
        findings.push({ ...leftOut(reason), level: isDenied ? 'problem' : 'warning' });
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    findings.push(problemFinding(area, error));
  } finally {
    await primary.close();
  }
  return findings;
}

const leftOut = (reason: FarshoreError): Finding => ({
  ...problemFinding(area, reason),
  level: 'warning',
  what: `The audit leaves it out: ${reason.message}`,
});
