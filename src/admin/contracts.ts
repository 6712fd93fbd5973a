import type { Clock } from '../model/clock.ts';
import type { DaemonStatus } from '../model/status.ts';

export interface Probe {
  readonly ok: boolean;
  readonly checks: readonly ProbeCheck[];
}

export interface ProbeCheck {
  readonly name: string;
  readonly ok: boolean;
  /** Why it failed, or what it stands at: one line. */
  readonly detail?: string | undefined;
}

export interface PauseRequest {
  /** The regional topic. */
  readonly topic: string;
  /** Undefined: every partition of the topic. */
  readonly partition: number | undefined;
  /** Undefined: both stages. */
  readonly stage: 'mirror' | 'apply' | undefined;
  /** Who asks, kept with the action. */
  readonly by: string;
}

export interface ResumeRequest extends PauseRequest {
  readonly from: 'earliest' | bigint | undefined;
  readonly acceptLoss: boolean;
  readonly acceptRecreated: boolean;
  readonly acceptRewind: boolean;
}

/** What the daemon tells and does for those who ask over HTTP. */
export interface AdminSource {
  status(): DaemonStatus;
  /** Fails only when a loop with work made no progress past its deadline, never because a dependency is down. */
  liveness(): Probe;
  /** Holds on a standby and while the primary is unreachable. */
  readiness(): Probe;
  startup(): Probe;
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
  /** Resolves once done and recorded. Rejects with `request_invalid` when it cannot be done as asked. */
  pause(request: PauseRequest, signal: AbortSignal): Promise<void>;
  /** As `pause`. */
  resume(request: ResumeRequest, signal: AbortSignal): Promise<void>;
}

export interface AdminSettings {
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Names besides the listen host, localhost and loopback addresses that requests may be addressed to. */
  readonly allowedHosts: readonly string[];
  /** The token that changes need, asked for each request so that a changed file counts; undefined allows no changes. */
  readonly token: () => string | undefined;
  readonly limits: AdminLimits;
  readonly clock: Clock;
  /** Takes what failed inside a request and is not the asker's fault; the answer only says that it was logged. */
  readonly onFailure: (error: unknown) => void;
}

export interface AdminLimits {
  readonly headersMs: number;
  readonly requestMs: number;
  /** How long a change may take before the answer says that it is still under way. */
  readonly changeMs: number;
  readonly bodyBytes: number;
  readonly connections: number;
}

export const adminLimits: AdminLimits = {
  headersMs: 5_000,
  requestMs: 10_000,
  changeMs: 30_000,
  bodyBytes: 64 * 1024,
  connections: 256,
};
