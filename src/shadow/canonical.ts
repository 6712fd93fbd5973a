import { decimalOf, decimalText, roundDecimal } from './decimal.ts';
import { JsonNumber, type JsonValue } from './json-value.ts';
import type { PathNode } from './paths.ts';
import { replaced } from './replacement.ts';
import type { PathRules } from './rules.ts';

export type Bound = 'too_costly' | 'too_slow';

/** Steps and time a comparison may still take; what would take more is not compared, and says so. The thread is apply's too. */
export class Work {
  #left: number;
  #unchecked = 0;
  readonly #untilMs: number;
  readonly #nowMs: () => number;
  /** Set when a canonical text was made without a time that is in the value. */
  leftOutTimes = false;

  constructor(steps: number, ms: number, nowMs: () => number) {
    this.#left = steps;
    this.#untilMs = nowMs() + ms;
    this.#nowMs = nowMs;
  }

  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw new TooMuchWork('too_costly');
    this.#unchecked += steps;
    if (this.#unchecked < STEPS_BETWEEN_LOOKS) return;
    this.#unchecked = 0;
    this.checkTime();
  }

  checkTime(): void {
    if (this.#nowMs() > this.#untilMs) throw new TooMuchWork('too_slow');
  }
}

export class TooMuchWork extends Error {
  readonly bound: Bound;

  constructor(bound: Bound) {
    super(bound);
    this.bound = bound;
  }
}

const STEPS_BETWEEN_LOOKS = 4_096;

type Node = PathNode<PathRules>;

/** A scalar as the rules leave it, in one text for all that are equal. */
export function scalarText(value: null | boolean | string | JsonNumber, { round, lowerCase, replace }: PathRules, work: Work): string {
  if (replace.length > 0) work.checkTime();
  if (value instanceof JsonNumber) return round === undefined ? value.canonical : decimalText(roundDecimal(decimalOf(value.text), round));
  return typeof value === 'string' ? JSON.stringify(normalised(value, lowerCase, replace)) : String(value);
}

function normalised(value: string, lowerCase: boolean, replace: PathRules['replace']): string {
  const text = replace.length === 0 ? value : replaced(value, replace);
  return lowerCase ? text.toLowerCase() : text;
}

/**
 * A value as the rules leave it, in one text for all that are equal: keys and elements of unordered arrays are sorted, what is ignored
 * is left out. Times that need not be equal are left out too unless `times` are wanted.
 */
export function canonical(value: JsonValue, node: Node, work: Work, times: boolean): string {
  work.spend(1);
  const rules = node.value;
  if (rules.ignore) return '';
  if (typeof value !== 'object' || value === null || value instanceof JsonNumber) {
    if (rules.withinMs !== undefined && !times && timeOf(value) !== undefined) {
      work.leftOutTimes = true;
      return 'time';
    }
    if (typeof value === 'string') work.spend(value.length >> 6);
    return scalarText(value, rules, work);
  }
  if (isArray(value)) {
    const items = value.map((item) => canonical(item, node.items(), work, times));
    if (rules.unordered !== undefined) sort(items, work);

    return `[${items.join(',')}]`;
  }
  const keys = sort([...value.keys()], work);
  const members = keys.flatMap((key) => {
    const inner = node.key(key);
    return inner.value.ignore ? [] : [`${JSON.stringify(key)}:${canonical(value.get(key)!, inner, work, times)}`];
  });
  return `{${members.join(',')}}`;
}

export const isArray = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value);

export function sort(texts: string[], work: Work): string[] {
  work.spend(texts.length * Math.ceil(Math.log2(texts.length + 1)));
  return texts.sort();
}

const isoTime = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?$/;

/** Milliseconds: of a text as ISO 8601 writes it, or of a number of seconds or milliseconds since 1970. */
export function timeOf(value: JsonValue): number | undefined {
  if (value instanceof JsonNumber) {
    const number = Number(value.text);
    // Milliseconds since 1973 are above this, seconds until the year 5138 below.
    return Math.abs(number) < 1e11 ? number * 1_000 : number;
  }
  if (typeof value !== 'string' || !isoTime.test(value)) return undefined;
  // Without a zone all times of a service are of one zone: which one does not change how far they are apart.
  const zoned = /(?:Z|[+-]\d{2}:?\d{2})$/.test(value) ? value : `${value}Z`;
  const ms = Date.parse(zoned.replace(' ', 'T'));
  return Number.isNaN(ms) ? undefined : ms;
}
