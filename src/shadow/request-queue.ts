import type { RequestQueue, ShadowRequest } from './contracts.ts';

export interface QueueLimits {
  readonly requests: number;
  readonly bytes: number;
}

/** What an entry costs beside its texts: the objects around them. */
const ENTRY_BYTES = 512;

export function requestBytes({ method, path, query, headers, body, id }: ShadowRequest): number {
  let size = ENTRY_BYTES + method.length + path.length + query.length + id.length + (body?.length ?? 0);
  for (const [name, value] of headers) size += name.length + value.length + 32;
  return size;
}

/** First in, first out. What comes while it is full is shed: the newest goes, so that no flood displaces what waits. */
export class BoundedQueue implements RequestQueue {
  readonly #limits: QueueLimits;
  readonly #waiting: ShadowRequest[] = [];
  #bytes = 0;
  readonly #takers: ((request: ShadowRequest) => void)[] = [];

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#waiting.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  offer(request: ShadowRequest): 'taken' | 'shed' {
    const taker = this.#takers.shift();
    if (taker !== undefined) {
      taker(request);
      return 'taken';
    }
    const bytes = requestBytes(request);
    if (this.#waiting.length >= this.#limits.requests || this.#bytes + bytes > this.#limits.bytes) return 'shed';
    this.#waiting.push(request);
    this.#bytes += bytes;
    return 'taken';
  }

  async take(signal: AbortSignal): Promise<ShadowRequest> {
    signal.throwIfAborted();
    const request = this.#waiting.shift();
    if (request !== undefined) {
      this.#bytes -= requestBytes(request);
      return request;
    }
    const { promise, resolve, reject } = Promise.withResolvers<ShadowRequest>();
    const onAbort = (): void => {
      const at = this.#takers.indexOf(taker);
      if (at >= 0) this.#takers.splice(at, 1);
      reject(signal.reason);
    };
    const taker = (taken: ShadowRequest): void => {
      signal.removeEventListener('abort', onAbort);
      resolve(taken);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#takers.push(taker);
    return await promise;
  }
}
