import type { Agent as HttpAgent } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import type { LookupFunction } from 'node:net';
import CircuitBreaker from 'opossum';
import type { Answer, Asking, AskOutcome, ShadowRequest, ShadowSide } from '../shadow/contracts.ts';
import { type HeaderRules, outgoingHeaders } from '../shadow/outgoing-headers.ts';
import { guardedLookup } from './address-guard.ts';
import { http, https } from './node-http.ts';
import { exchange, NoAnswer } from './shadow-exchange.ts';

export interface TargetSettings {
  /** Scheme, host and port: a request never adds to them. */
  readonly origin: string;
  /** What the Host header says; undefined: the origin's host. */
  readonly host: string | undefined;
  /** Whether the name may resolve to private or loopback addresses. */
  readonly allowInside: boolean;
  /** PEM text of the authorities to trust; undefined: those of the system. */
  readonly ca: string | undefined;
  /** Asked for each question, so that a changed file counts. */
  readonly authorization: () => string | undefined;
  readonly cookie: () => string | undefined;
}

export interface AskSettings {
  readonly timeoutMs: number;
  /** Most questions to one side at the same time. */
  readonly concurrency: number;
  readonly maxAnswerBytes: number;
  readonly breakerResetMs: number;
  readonly headers: HeaderRules;
}

export interface AskTools {
  readonly nowMs: () => number;
  readonly onBreaker: (side: ShadowSide, state: 'open' | 'half_open' | 'closed') => void;
  /** Of the system unless a test gives its own. */
  readonly lookup?: (allowInside: boolean) => LookupFunction;
}

/** Questions in the breaker's window before their failures count. */
const VOLUME = 10;
const FAILURE_PERCENT = 50;
/** What a server says that is too busy to answer: it counts as a failure of that side. */
const overloaded: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Asks both sides, each behind a breaker and a cap of its own: what does not fit is shed, never queued. */
export class ShadowTargets implements Asking {
  readonly #targets: Readonly<Record<ShadowSide, Target>>;

  constructor(targets: Readonly<Record<ShadowSide, TargetSettings>>, settings: AskSettings, tools: AskTools) {
    this.#targets = {
      primary: new Target('primary', targets.primary, settings, tools),
      region: new Target('region', targets.region, settings, tools),
    };
  }

  async ask(side: ShadowSide, request: ShadowRequest, signal: AbortSignal): Promise<AskOutcome> {
    return await this.#targets[side].ask(request, signal);
  }

  /** Ends kept connections and the breakers' timers. */
  close(): void {
    this.#targets.primary.close();
    this.#targets.region.close();
  }
}

class Target {
  readonly #side: ShadowSide;
  readonly #target: TargetSettings;
  readonly #settings: AskSettings;
  readonly #nowMs: () => number;
  readonly #url: URL;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #lookup: LookupFunction;
  readonly #breaker: CircuitBreaker<[ShadowRequest, AbortSignal], Answer>;
  #asking = 0;

  constructor(side: ShadowSide, target: TargetSettings, settings: AskSettings, { nowMs, onBreaker, lookup = guardedLookup }: AskTools) {
    this.#side = side;
    this.#target = target;
    this.#settings = settings;
    this.#nowMs = nowMs;
    this.#url = new URL(target.origin);
    const kept = { keepAlive: true, maxSockets: settings.concurrency };
    this.#agent =
      this.#url.protocol === 'https:'
        ? new https.Agent({ ...kept, ...(target.ca === undefined ? {} : { ca: target.ca }) })
        : new http.Agent(kept);
    this.#lookup = lookup(target.allowInside);
    this.#breaker = new CircuitBreaker((request: ShadowRequest, signal: AbortSignal) => this.#send(request, signal), {
      name: side,
      // Each question has its own limit, which also ends its socket.
      timeout: false,
      rollingPercentilesEnabled: false,
      volumeThreshold: VOLUME,
      errorThresholdPercentage: FAILURE_PERCENT,
      resetTimeout: settings.breakerResetMs,
      errorFilter: (error) => error instanceof NoAnswer && error.reason === 'aborted',
    });
    this.#breaker.on('open', () => onBreaker(side, 'open'));
    this.#breaker.on('halfOpen', () => onBreaker(side, 'half_open'));
    this.#breaker.on('close', () => onBreaker(side, 'closed'));
  }

  async ask(request: ShadowRequest, signal: AbortSignal): Promise<AskOutcome> {
    signal.throwIfAborted();
    if (this.#asking >= this.#settings.concurrency) return { kind: 'shed', reason: 'concurrency' };
    this.#asking += 1;
    try {
      return { kind: 'answer', answer: await this.#breaker.fire(request, signal) };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Overloaded) return { kind: 'answer', answer: error.answer };
      if (error instanceof NoAnswer) return { kind: 'error', side: this.#side, reason: error.reason };
      if (CircuitBreaker.isOurError(error as Error)) return { kind: 'shed', reason: 'breaker_open' };
      throw error;
    } finally {
      this.#asking -= 1;
    }
  }

  close(): void {
    this.#breaker.shutdown();
    this.#agent.destroy();
  }

  async #send({ method, path, query, headers, body }: ShadowRequest, signal: AbortSignal): Promise<Answer> {
    const { timeoutMs, maxAnswerBytes, headers: rules } = this.#settings;
    const { protocol, hostname, port, host } = this.#url;
    const credentials = { authorization: this.#target.authorization(), cookie: this.#target.cookie() };
    const answer = await exchange({
      protocol: protocol === 'https:' ? 'https:' : 'http:',
      hostname: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
      port: Number(port) || (protocol === 'https:' ? 443 : 80),
      method,
      path: query === '' ? path : `${path}?${query}`,
      headers: outgoingHeaders(headers, rules, { host: this.#target.host ?? host, ...credentials }, body?.length),
      body,
      agent: this.#agent,
      lookup: this.#lookup,
      timeoutMs,
      maxAnswerBytes,
      signal,
      nowMs: this.#nowMs,
    });
    if (overloaded.has(answer.status)) throw new Overloaded(answer);
    return answer;
  }
}

/** Carries such an answer past the breaker, so that it counts as a failure; the region's is still compared. */
class Overloaded extends Error {
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(`status ${answer.status}`);
    this.answer = answer;
  }
}
