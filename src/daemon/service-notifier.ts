import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Clock } from '../model/clock.ts';
import type { Logger } from './log.ts';
import { beatOf, type Notice, noticeOf, type ServiceView } from './service-notices.ts';

const run = promisify(execFile);
const SEND_LIMIT_MS = 5_000;
/** How soon a finished start is seen. */
const START_LOOK_MS = 250;

export type SendNotice = (notice: Notice) => Promise<unknown>;

export interface ServiceNotifierOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly view: () => ServiceView;
  readonly logger: Pick<Logger, 'warn'>;
  readonly clock: Clock;
  readonly send?: SendNotice;
}

/**
 * Tells systemd (Type=notify) when the daemon is ready, that it makes progress, that it reloads and that it stops. Node has no datagram sockets of
 * the unix family, so systemd's own `systemd-notify` speaks: a short-lived process a beat, which is why the unit has NotifyAccess=all. It waits until
 * systemd has read the message, so none is lost with the process that sent it. Without NOTIFY_SOCKET nothing is ever started.
 */
export class ServiceNotifier {
  readonly #options: ServiceNotifierOptions;
  readonly #send: SendNotice | undefined;
  readonly #beatMs: number;
  #ready = false;
  #refused = false;
  /** Messages go out one after the other: RELOADING must be read before READY. */
  #last: Promise<void> = Promise.resolve();

  constructor(options: ServiceNotifierOptions) {
    this.#options = options;
    this.#beatMs = beatOf(options.env, process.pid);
    this.#send = (options.env.NOTIFY_SOCKET ?? '') === '' ? undefined : (options.send ?? bySystemdNotify);
  }

  /** Speaks until the signal, then says STOPPING. A message that cannot be sent ends nothing. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, view } = this.#options;
    if (this.#send === undefined) return;
    let spokeMs = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      const now = view();
      const becomesReady = !this.#ready && now.startup.ok;
      if (becomesReady || clock.monotonicMs() - spokeMs >= this.#beatMs) {
        spokeMs = clock.monotonicMs();
        await this.#say(noticeOf(now, { ready: this.#ready }, this.#beatMs));
        this.#ready ||= becomesReady;
      }
      const untilBeatMs = spokeMs + this.#beatMs - clock.monotonicMs();
      await clock.sleep(Math.max(0, this.#ready ? untilBeatMs : Math.min(untilBeatMs, START_LOOK_MS)), signal).catch(() => undefined);
    }
    await this.#say(['STOPPING=1', 'STATUS=stopping']);
  }

  /** Around a reload, which is over when this is called with `done`. systemd wants the moment it began on the clock it reads itself. */
  reloading(reload: () => void): void {
    const beganUs = process.hrtime.bigint() / 1_000n;
    if (this.#ready) void this.#say(['RELOADING=1', `MONOTONIC_USEC=${beganUs}`, 'STATUS=reloading']);
    reload();
    if (this.#ready) void this.#say(['READY=1', `STATUS=${this.#options.view().text}`]);
  }

  async #say(notice: Notice): Promise<void> {
    const send = this.#send;
    if (send === undefined) return;
    this.#last = this.#last.then(async () => {
      try {
        await send(notice);
        this.#refused = false;
      } catch (error) {
        // Said once: the watchdog ends the daemon when it goes on, and the reason must be in the log before.
        if (!this.#refused) this.#options.logger.warn({ event: 'notify_failed', error }, `systemd could not be told ${notice[0]}`);
        this.#refused = true;
      }
    });
    await this.#last;
  }
}

const bySystemdNotify: SendNotice = async (notice) => await run('systemd-notify', [...notice], { timeout: SEND_LIMIT_MS });
