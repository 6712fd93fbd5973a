import type { MirrorStage } from '../mirror/mirror-stage.ts';

/**
 * Runs the mirror while the stored cutover allows it. Nothing is mirrored before that row was read: a daemon that starts anew must not
 * open a transactional id that the one before it fenced.
 */
export class MirrorGate {
  #allowed = Promise.withResolvers<void>();
  #reason: string | undefined = 'the stored cutover was not read yet';
  #paused = new AbortController();
  #ended: Promise<void> = Promise.resolve();

  /** Why the mirror may not run; undefined: it may. */
  get reason(): string | undefined {
    return this.#reason;
  }

  follow(mayRun: true | string): void {
    if (mayRun === true) {
      if (this.#reason === undefined) return;
      this.#reason = undefined;
      this.#paused = new AbortController();
      this.#allowed.resolve();
      return;
    }
    if (this.#reason === undefined) this.#allowed = Promise.withResolvers<void>();
    this.#reason = mayRun;
    this.#paused.abort(new Error(mayRun));
  }

  /** Resolves once the loop has ended; it must not be allowed any more. */
  async ended(): Promise<void> {
    await this.#ended;
  }

  /** Until `stop`. Rejects with what the mirror rejects with. */
  async run(mirror: Pick<MirrorStage, 'run' | 'rest'>, stop: AbortSignal, hard: AbortSignal): Promise<void> {
    const stopped = new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }));
    while (!stop.aborted) {
      if (this.#reason !== undefined) {
        mirror.rest(this.#reason);
        await Promise.race([this.#allowed.promise, stopped]);
        continue;
      }
      const running = mirror.run(AbortSignal.any([stop, this.#paused.signal]), hard);
      this.#ended = running.catch(() => undefined);
      await running;
    }
  }
}
