import { findFarshoreError } from '../model/errors.ts';
import type { JobName, Observe } from '../model/events.ts';
import type { Trigger } from './cron.ts';

export interface Job {
  readonly name: JobName;
  readonly cron: string;
  run(signal: AbortSignal): Promise<void>;
}

/** Runs jobs at their times. A failed run is told and made good by the next: no job may end the daemon. */
export class Schedule {
  readonly #jobs: readonly Job[];
  readonly #trigger: Trigger;
  readonly #observe: Observe;
  readonly #running = new Map<Job, Promise<void>>();

  constructor(jobs: readonly Job[], trigger: Trigger, observe: Observe) {
    this.#jobs = jobs;
    this.#trigger = trigger;
    this.#observe = observe;
  }

  /** Until `signal`, and then until the runs under way have ended. */
  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => resolve(), { once: true });
    const triggers = this.#jobs.map((job) => this.#trigger(job.cron, () => this.#begin(job, signal)));
    await stopped;
    for (const trigger of triggers) trigger.stop();
    await Promise.all(this.#running.values());
  }

  /** A tick that comes while the job still runs is passed over: the run under way does its work. */
  #begin(job: Job, signal: AbortSignal): void {
    if (signal.aborted || this.#running.has(job)) return;
    const run = this.#once(job, signal).finally(() => this.#running.delete(job));
    this.#running.set(job, run);
  }

  async #once(job: Job, signal: AbortSignal): Promise<void> {
    try {
      await job.run(signal);
    } catch (error) {
      if (signal.aborted) return;
      const known = findFarshoreError(error);
      const message = error instanceof Error ? error.message : String(error);
      this.#observe({ type: 'job_failed', job: job.name, code: known?.code ?? 'internal', message, hint: known?.hint });
    }
  }
}
