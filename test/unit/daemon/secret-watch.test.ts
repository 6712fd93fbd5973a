import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { watchFiles } from '../../../src/daemon/secret-watch.ts';
import type { Clock } from '../../../src/model/clock.ts';

/** Each look waits for the test to let it happen. */
class StepClock implements Clock {
  #wake: (() => void) | undefined;
  #asleep = Promise.withResolvers<void>();
  wallMs = (): number => 0;
  monotonicMs = (): number => 0;
  async sleep(_ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      this.#wake = resolve;
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#asleep.resolve();
    });
  }
  /** Resolves when the watcher has looked and sleeps again. */
  async look(): Promise<void> {
    await this.#asleep.promise;
    this.#asleep = Promise.withResolvers();
    this.#wake?.();
    await this.#asleep.promise;
  }
}

describe('watchFiles', () => {
  async function watched() {
    const folder = await mkdtemp(join(tmpdir(), 'farshore-watch-'));
    const stop = new AbortController();
    const clock = new StepClock();
    let changes = 0;
    const data = async (name: string, text: string): Promise<void> => {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'secret'), text);
    };
    await data('..one', 'same size');
    await symlink('..one', join(folder, '..data'));
    await symlink('..data/secret', join(folder, 'secret'));
    const file = join(folder, 'secret');
    const done = watchFiles(
      () => [file],
      () => changes++,
      1,
      clock,
      stop.signal,
    ).catch(() => undefined);
    onTestFinished(async () => {
      stop.abort();
      await done;
      await rm(folder, { recursive: true });
    });
    return { folder, file, clock, data, changes: () => changes };
  }

  it('sees the exchanged link of a Kubernetes secret, once, after it stood still for a look', async () => {
    const { folder, clock, data, changes } = await watched();
    await clock.look();
    expect(changes()).toBe(0);
    await data('..two', 'SAME SIZE');
    await symlink('..two', join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    await clock.look();
    expect(changes()).toBe(0);
    await clock.look();
    expect(changes()).toBe(1);
    await clock.look();
    expect(changes()).toBe(1);
  });

  it('does not act while files are still being written', async () => {
    const { file, clock, changes } = await watched();
    for (const text of ['a', 'ab', 'abc']) {
      await writeFile(file, text);
      await clock.look();
    }
    expect(changes()).toBe(0);
    await clock.look();
    expect(changes()).toBe(1);
  });
});
