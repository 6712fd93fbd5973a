import type { Statement } from '../apply/contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import type { Database } from './database.ts';
import { type TextRow, text } from './result-values.ts';

export type ClusterRole = 'primary' | 'regional';

/** Remembers which clusters this daemon works with, so that an address changed by mistake cannot mix two logs. */
export interface ClusterLedger {
  /**
   * At first sight stores the id; afterwards it must be the same, and never that of the other role. Rejects
   * with `cluster_wrong`.
   */
  confirm(role: ClusterRole, name: string, clusterId: string, signal: AbortSignal): Promise<void>;
}

const rememberStatement = (role: ClusterRole, name: string, clusterId: string): Statement => ({
  text: `insert into farshore.clusters as c (role, name, cluster_id)
select $1::text, $2::text, $3::text
 where not exists (select 1 from farshore.clusters o where o.role <> $1 and o.cluster_id = $3)
on conflict (role) do update set seen_at = clock_timestamp(), name = excluded.name where c.cluster_id = excluded.cluster_id`,
  values: [role, name, clusterId],
});

const readStatement: Statement = { text: 'select role, name, cluster_id from farshore.clusters', values: [] };

// Two daemons' roles are two rows: without this both could insert the same id for different roles at once.
const lockStatement: Statement = { text: 'lock table farshore.clusters in share row exclusive mode', values: [] };

function problem(rows: readonly TextRow[], role: ClusterRole, name: string, clusterId: string): FarshoreError | undefined {
  const mine = rows.find((row) => row.role === role);
  if (mine !== undefined && mine.cluster_id !== clusterId) {
    return new FarshoreError(
      'cluster_wrong',
      `The ${role} cluster ${name} has the id ${clusterId}; this region worked with ${text(mine, 'cluster_id')} (${text(mine, 'name')}) before.`,
      {
        place: `${role}.kafka.brokers`,
        hint: `Correct the brokers. If the cluster was replaced on purpose: delete from farshore.clusters where role = '${role}';`,
      },
    );
  }
  const other = rows.find((row) => row.role !== role && row.cluster_id === clusterId);
  if (other === undefined) return undefined;
  return new FarshoreError('cluster_wrong', `Primary and regional brokers are the same cluster, ${clusterId}.`, {
    place: `${role}.kafka.brokers`,
    hint: 'Correct the brokers: a cluster cannot be mirrored into itself.',
  });
}

export function clusterLedger(database: Database): ClusterLedger {
  return {
    async confirm(role, name, clusterId, signal) {
      const [, , read] = await database.transaction([lockStatement, rememberStatement(role, name, clusterId), readStatement], signal);
      const wrong = problem(read?.rows ?? [], role, name, clusterId);
      if (wrong !== undefined) throw wrong;
    },
  };
}
