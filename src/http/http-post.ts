import CircuitBreaker from 'opossum';
import { HttpFailure } from './http-failure.ts';
import { type HttpAnswer, sendRequest } from './request.ts';

export interface HttpPostRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const VOLUME = 3;
const RESET_MS = 30_000;
const MAX_ANSWER_BYTES = 65_536;

/** POST with one circuit breaker a host, each request with its own limit: a target that is down is not waited for again and again. */
export class HttpPoster {
  readonly #breakers = new Map<string, CircuitBreaker<[string, HttpPostRequest], HttpAnswer>>();

  /** The answer, whatever its status. Rejects with HttpFailure. */
  async post(url: string, request: HttpPostRequest): Promise<HttpAnswer> {
    const { origin } = new URL(url);
    try {
      return await this.#breaker(origin).fire(url, request);
    } catch (error) {
      if (error instanceof HttpFailure) throw error;
      throw new HttpFailure('open', origin, `${origin} failed several times; nothing is sent to it for a moment`, error);
    }
  }

  close(): void {
    for (const breaker of this.#breakers.values()) breaker.shutdown();
  }

  #breaker(origin: string): CircuitBreaker<[string, HttpPostRequest], HttpAnswer> {
    const known = this.#breakers.get(origin);
    if (known !== undefined) return known;
    const send = (url: string, { headers, body, timeoutMs, signal }: HttpPostRequest): Promise<HttpAnswer> =>
      sendRequest(url, { method: 'POST', headers, body, timeoutMs, signal, maxBodyBytes: MAX_ANSWER_BYTES });
    const breaker = new CircuitBreaker(send, {
      name: origin,
      // Each request has its own limit, which also ends its socket.
      timeout: false,
      rollingPercentilesEnabled: false,
      volumeThreshold: VOLUME,
      errorThresholdPercentage: 50,
      resetTimeout: RESET_MS,
      errorFilter: (error) => error instanceof HttpFailure && (error.kind === 'aborted' || error.kind === 'too_large'),
    });
    this.#breakers.set(origin, breaker);
    return breaker;
  }
}
