import type { Agent as HttpsAgent } from 'node:https';
import CircuitBreaker from 'opossum';
import { HttpFailure } from './http-failure.ts';
import { http, https } from './node-http.ts';
import { type HttpAnswer, sendRequest } from './request.ts';

export interface HttpGetRequest {
  /** Default GET. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly body?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export type BreakerEvent = { readonly origin: string; readonly state: 'open' | 'half_open' | 'closed' };

export interface HttpClientOptions {
  /** PEM text of the authorities to trust; undefined: those of the system. */
  readonly ca: string | undefined;
  readonly maxBodyBytes: number;
  /** How long an open breaker sends nothing before it lets one request try. */
  readonly breakerResetMs: number;
  readonly observe: (event: BreakerEvent) => void;
}

/** Requests in the breaker's window before their failures count. */
const VOLUME = 5;
const FAILURE_PERCENT = 50;

/**
 * Requests with one circuit breaker a host: after several failures (no answer, or a 5xx or 429) nothing is sent
 * to that host for a while, and one request tries first. What the caller gave up does not count.
 */
export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #http = new http.Agent({ keepAlive: true, maxSockets: 4 });
  readonly #https: HttpsAgent;
  readonly #breakers = new Map<string, CircuitBreaker<[string, HttpGetRequest], HttpAnswer>>();

  constructor(options: HttpClientOptions) {
    this.#options = options;
    this.#https = new https.Agent({ keepAlive: true, maxSockets: 4, ...(options.ca === undefined ? {} : { ca: options.ca }) });
  }

  /** The answer, whatever its status. Rejects with HttpFailure. */
  readonly get = async (url: string, request: HttpGetRequest): Promise<HttpAnswer> => {
    const { origin } = new URL(url);
    try {
      return await this.#breaker(origin).fire(url, request);
    } catch (error) {
      if (error instanceof UnhealthyAnswer) return error.answer;
      if (error instanceof HttpFailure) throw error;
      throw new HttpFailure('open', origin, `${origin} failed several times; nothing is sent to it for a moment`, error);
    }
  };

  /** Ends kept connections and the breakers' timers. */
  close(): void {
    for (const breaker of this.#breakers.values()) breaker.shutdown();
    this.#http.destroy();
    this.#https.destroy();
  }

  #breaker(origin: string): CircuitBreaker<[string, HttpGetRequest], HttpAnswer> {
    const known = this.#breakers.get(origin);
    if (known !== undefined) return known;
    const breaker = new CircuitBreaker((url: string, request: HttpGetRequest) => this.#send(url, request), {
      name: origin,
      // Each request has its own limit, which also ends its socket; a breaker's own timer would leave it open.
      timeout: false,
      rollingPercentilesEnabled: false,
      volumeThreshold: VOLUME,
      errorThresholdPercentage: FAILURE_PERCENT,
      resetTimeout: this.#options.breakerResetMs,
      errorFilter: (error) => error instanceof HttpFailure && (error.kind === 'aborted' || error.kind === 'too_large'),
    });
    const { observe } = this.#options;
    breaker.on('open', () => observe({ origin, state: 'open' }));
    breaker.on('halfOpen', () => observe({ origin, state: 'half_open' }));
    breaker.on('close', () => observe({ origin, state: 'closed' }));
    this.#breakers.set(origin, breaker);
    return breaker;
  }

  async #send(url: string, { method = 'GET', body, headers, timeoutMs, signal }: HttpGetRequest): Promise<HttpAnswer> {
    const agent = url.startsWith('https:') ? this.#https : this.#http;
    const sent = body === undefined ? {} : { body };
    const { maxBodyBytes } = this.#options;
    const answer = await sendRequest(url, { method, ...sent, headers, timeoutMs, signal, agent, maxBodyBytes });
    if (answer.status >= 500 || answer.status === 429) throw new UnhealthyAnswer(answer);
    return answer;
  }
}

/** Carries a 5xx past the breaker, so that it counts as a failure and is still answered. */
class UnhealthyAnswer extends Error {
  readonly answer: HttpAnswer;

  constructor(answer: HttpAnswer) {
    super(`status ${answer.status}`);
    this.answer = answer;
  }
}
