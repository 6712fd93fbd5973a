import type { FarshoreEvent } from '../model/events.ts';
import { messageOf } from './log.ts';

/** An event in one line for everyone who reaches the admin port: the log's, less keys and values of rows and what hooks said, which need the token. */
export function toldEvent(event: FarshoreEvent): string {
  switch (event.type) {
    case 'audit_finding':
      return `a row of ${event.table} is ${event.kind}${inColumns(event.columns)} · farshore audit show --table ${event.table}`;
    case 'rogue_write_found':
      return `a row of ${event.table} is ${event.kind} since apply wrote it${inColumns(event.columns)}: written behind the daemon`;
    case 'audit_repair':
      return `the repair of a row of ${event.table} that was ${event.kind}: ${event.result.replaceAll('_', ' ')} (asked by ${event.by})`;
    case 'records_rejected':
      return `${event.topic}:${event.partition}: ${event.records} rejected for ${event.table} and kept (${event.code}), the first at offset ${event.firstOffset} · farshore rejected list --table ${event.table}`;
    case 'topic_found':
    case 'topic_created':
    case 'topic_grown':
      return `${event.topic} ${event.type.slice('topic_'.length)} with ${event.partitions} partitions`;
    case 'topic_configs_synced':
      return `${event.topic}: configs brought to the region: ${[...event.set, ...event.removed.map((name) => `${name} removed`)].join(', ')}`;
    case 'home_claimed':
      return `${event.topic} has its home at ${event.home} (epoch ${event.epoch})`;
    case 'heartbeat_failed':
      return `a heartbeat was not written: ${event.message}`;
    case 'apply_retried':
      return `${event.topic}:${event.partition}: apply tries again (${event.code}${event.sqlState === undefined ? '' : `, SQLSTATE ${event.sqlState}`})`;
    case 'rejected_discarded':
      return `${event.records} kept records given up by ${event.by}`;
    case 'cutover_hook_ran':
      return `hook of ${event.on} ${event.result}: ${event.hook}`;
    default:
      return messageOf(event);
  }
}

const inColumns = (columns: readonly string[]): string => (columns.length === 0 ? '' : ` (${columns.join(', ')})`);
