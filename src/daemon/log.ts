import { type Logger, pino } from 'pino';
import type { FarshoreError } from '../model/errors.ts';
import type { FarshoreEvent } from '../model/events.ts';

export type { Logger };

export interface LogSettings {
  readonly level: string;
  readonly region: string;
  readonly version: string;
}

/** JSON lines on stdout, which journald and Kubernetes take as they are. */
export const createLogger = ({ level, region, version }: LogSettings): Logger =>
  pino({
    level,
    base: { region, version },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // Paths are the second layer: secrets are wrapped values that print as "[secret]" by themselves.
    redact: ['*.password', '*.passwordFile', '*.token', '*.url'],
    serializers: { error: serializeError },
  });

type Level = 'debug' | 'info' | 'warn' | 'error';

/** One line an event; the flow of records is for metrics and goes to debug. */
export function logEvent(logger: Logger, event: FarshoreEvent): void {
  const { type, ...facts } = event;
  logger[levelOf(event)]({ event: type, ...plain(facts) }, messageOf(event));
}

function levelOf(event: FarshoreEvent): Level {
  switch (event.type) {
    case 'mirror_cycle':
    case 'batch_applied':
    case 'heartbeat_written':
    case 'heartbeat_returned':
    case 'schema_fetched':
    case 'batch_reencoded':
      return 'debug';
    case 'partition_stopped':
      return 'error';
    case 'mirror_rebuilt':
    case 'apply_retried':
    case 'heartbeat_failed':
    case 'topic_missing':
      return 'warn';
    case 'component':
      return event.up ? 'info' : 'warn';
    case 'lease':
      return event.state === 'lost' ? 'warn' : 'info';
    case 'topic_found':
    case 'topic_created':
    case 'topic_grown':
    case 'topic_configs_synced':
    case 'generation_raised':
    case 'home_claimed':
    case 'partition_resumed':
    case 'partition_paused':
      return 'info';
  }
}

function messageOf(event: FarshoreEvent): string {
  switch (event.type) {
    case 'partition_stopped':
      return `${event.topic}:${event.partition} stopped (${event.stage}): ${event.message}${event.hint === undefined ? '' : ` · ${event.hint}`}`;
    case 'partition_resumed':
      return `${event.topic}:${event.partition} resumed (${event.stage}) by ${event.by}`;
    case 'partition_paused':
      return `${event.topic}:${event.partition} paused (${event.stage}) by ${event.by}`;
    case 'mirror_rebuilt':
      return `mirror starts over from its committed positions: ${event.reason}`;
    case 'generation_raised':
      return `${event.topic} is in generation ${event.generation}: ${event.reason}`;
    case 'component':
      return `${event.component} is ${event.up ? 'up' : `down${event.reason === undefined ? '' : `: ${event.reason}`}`}`;
    case 'lease':
      return `lease ${event.state}`;
    case 'topic_missing':
      return `${event.topic} does not exist at home · ${event.hint}`;
    default:
      return event.type.replaceAll('_', ' ');
  }
}

/** bigint has no JSON form; offsets are written as decimal text everywhere. */
function plain(facts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value]));
}

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, place, hint, facts } = error as Partial<FarshoreError>;
  return {
    name: error.name,
    message: error.message,
    code,
    place,
    hint,
    facts,
    stack: error.stack,
    cause: error.cause === undefined ? undefined : serializeError(error.cause),
  };
}
