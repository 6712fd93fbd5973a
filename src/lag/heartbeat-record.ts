/** One heartbeat as it travels: the value is JSON, the key is the region. */
export interface Heartbeat {
  readonly region: string;
  /** UUID of the daemon's run: after a restart the clock that a latency would be taken by is another one. */
  readonly instance: string;
  readonly seq: number;
  /** Wall time in milliseconds, for people who read the topic; no latency is taken from it. */
  readonly sentAt: number;
}

export const heartbeatBytes = (heartbeat: Heartbeat): Buffer => Buffer.from(JSON.stringify(heartbeat));

/** Reads a value of the heartbeat topic; undefined for anything that is no heartbeat, since others may write there. */
export function readHeartbeat(value: Buffer | null): Heartbeat | undefined {
  if (value === null || value.length > 1_024) return undefined;
  const text = value.toString('utf8');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { region, instance, seq, sentAt } = parsed as Readonly<Record<string, unknown>>;
  if (typeof region !== 'string' || typeof instance !== 'string' || typeof sentAt !== 'number') return undefined;
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq)) return undefined;
  return { region, instance, seq, sentAt };
}
