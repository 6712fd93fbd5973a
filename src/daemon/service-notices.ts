import type { Probe } from '../admin/contracts.ts';
import type { DaemonStatus } from '../model/status.ts';

/** What systemd is told of; taken from the same answers as the probes. */
export interface ServiceView {
  readonly startup: Probe;
  readonly liveness: Probe;
  /** One line for `systemctl status`. */
  readonly text: string;
}

/** Assignments of one message, as sd_notify(3) has them. */
export type Notice = readonly string[];

export interface NoticeState {
  readonly ready: boolean;
}

/** While starting, systemd may wait for this much longer than until the next message. */
const PATIENCE_FACTOR = 6;

/**
 * What to say at one beat. Not ready yet: that the start may take longer, since a dependency that is down must not get the daemon killed. Ready:
 * the watchdog is fed only while every loop with work makes turns, so that systemd restarts exactly what /livez calls dead.
 */
export function noticeOf({ startup, liveness, text }: ServiceView, state: NoticeState, beatMs: number): Notice {
  const status = `STATUS=${liveness.ok ? text : `${text}, not live: ${failing(liveness)}`}`;
  if (!state.ready) {
    if (startup.ok) return ['READY=1', status, ...fed(liveness)];
    return liveness.ok ? [`EXTEND_TIMEOUT_USEC=${beatMs * PATIENCE_FACTOR * 1_000}`, status] : [status];
  }
  return [status, ...fed(liveness)];
}

const fed = (liveness: Probe): Notice => (liveness.ok ? ['WATCHDOG=1'] : []);

const failing = ({ checks }: Probe): string =>
  checks
    .filter((check) => !check.ok)
    .map(({ name, detail }) => `${name} ${detail}`)
    .join(', ');

/** How often to speak: three times within the watchdog's limit, and while starting or without one every few seconds. */
export function beatOf(env: Readonly<Record<string, string | undefined>>, pid: number): number {
  const watchdogUs = Number(env.WATCHDOG_USEC);
  const isOurs = env.WATCHDOG_PID === undefined || env.WATCHDOG_PID === String(pid);
  return isOurs && watchdogUs > 0 ? Math.max(100, Math.floor(watchdogUs / 3_000)) : 10_000;
}

/** `active, 12 partitions, 1 stopped, lag 0.4 s`: one line for `systemctl status`. */
export function serviceText({ role, partitions, components }: Pick<DaemonStatus, 'role' | 'partitions' | 'components'>): string {
  const parts: string[] = [role];
  if (role === 'active') {
    const stopped = partitions.filter(({ mirror, apply }) => mirror?.state === 'stopped' || apply?.state === 'stopped').length;
    const lags = partitions.map(({ lag }) => (lag.total ?? lag.mirror)?.seconds);
    parts.push(`${partitions.length} partitions`);
    if (stopped > 0) parts.push(`${stopped} stopped`);
    const known = lags.filter((seconds) => typeof seconds === 'number');
    if (known.length < lags.length) parts.push('lag unknown');
    else if (known.length > 0) parts.push(`lag ${Math.max(...known).toFixed(1)} s`);
  }
  for (const { component, up, reason } of components) if (!up) parts.push(`${component} down${reason === null ? '' : `: ${reason}`}`);
  // A message is a datagram of lines; what a server answered may hold anything.
  return parts.join(', ').replaceAll(/\s+/g, ' ').slice(0, 300);
}
