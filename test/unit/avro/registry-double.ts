import type { SchemaKeeper, SchemaRegistry } from '../../../src/avro/contracts.ts';
import type { Clock } from '../../../src/model/clock.ts';
import { FarshoreError } from '../../../src/model/errors.ts';

export const never = new AbortController().signal;

/** A registry and the kept copies, in memory; both count what they are asked. */
export class RegistryDouble implements SchemaRegistry, SchemaKeeper {
  readonly name = 'registry';
  readonly texts = new Map<string, string>();
  readonly kept = new Map<string, string>();
  readonly asked: string[] = [];
  /** What `byRef` does first: hold an answer back, or fail. */
  before: (ref: string, signal: AbortSignal) => Promise<void> = async () => undefined;

  async byRef(ref: string, signal: AbortSignal): Promise<string | 'missing'> {
    this.asked.push(ref);
    await this.before(ref, signal);
    return this.texts.get(ref) ?? 'missing';
  }

  async refs(): Promise<readonly string[]> {
    return [...this.texts.keys()];
  }

  async newest(): Promise<string | 'missing'> {
    return [...this.texts.keys()].at(-1) ?? 'missing';
  }

  readonly modes = new Map<string | undefined, string>();

  async compatibility(subject: string | undefined): Promise<string | undefined> {
    this.asked.push(subject ?? 'all');
    return this.modes.get(subject);
  }

  /** Ids that stand for two texts, as the keeper has them. */
  readonly marked = new Set<string>();

  async get(registry: string, ref: string): Promise<string | undefined> {
    this.#refuseMarked(ref);
    return this.kept.get(`${registry} ${ref}`);
  }

  async put(registry: string, ref: string, schema: string): Promise<'kept' | 'same'> {
    const key = `${registry} ${ref}`;
    const kept = this.kept.get(key);
    if (kept !== undefined && kept !== schema) this.marked.add(ref);
    this.#refuseMarked(ref);
    this.kept.set(key, schema);
    return kept === undefined ? 'kept' : 'same';
  }

  conflicts = async (): Promise<readonly string[]> => [...this.marked];

  #refuseMarked(ref: string): void {
    if (this.marked.has(ref)) throw new FarshoreError('schema_conflict', `schema ${ref} stands for two texts`);
  }
}

/** A clock that stands still; `sleep` ends when its signal is aborted. */
export class StillClock implements Clock {
  nowMs = 0;
  sleeps = 0;
  #wake: (() => void) | undefined;

  wallMs(): number {
    return this.nowMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  async sleep(_ms: number, signal: AbortSignal): Promise<void> {
    this.sleeps++;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#wake = resolve;
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    await promise;
  }

  wake(): void {
    this.#wake?.();
  }
}

/** An answer that waits until it is let go, or until its asker gives up. */
export function held(): { readonly wait: (ref: string, signal: AbortSignal) => Promise<void>; readonly letGo: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const wait = (_ref: string, signal: AbortSignal): Promise<void> => {
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    return Promise.race([promise, aborted]);
  };
  return { wait, letGo: resolve };
}
