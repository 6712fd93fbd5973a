import { decimalOf, decimalText } from './decimal.ts';

/** JSON as it was written: JSON.parse would round numbers past 2^53 and make two answers equal that are not. */
export type JsonValue = null | boolean | string | JsonNumber | readonly JsonValue[] | JsonObject;
/** A map, so that a key named __proto__ is a key like any other. */
export type JsonObject = ReadonlyMap<string, JsonValue>;

export class JsonNumber {
  readonly text: string;
  #canonical: string | undefined;

  constructor(text: string) {
    this.text = text;
  }

  /** The same for every way to write the same value. */
  get canonical(): string {
    this.#canonical ??= decimalText(decimalOf(this.text));
    return this.#canonical;
  }
}

export interface JsonLimits {
  readonly depth: number;
  /** Values of every kind, in all. */
  readonly values: number;
}

export type JsonFailure = 'malformed' | 'duplicate_key' | 'too_deep' | 'too_many_values';
export type JsonOutcome = { readonly kind: 'json'; readonly value: JsonValue } | { readonly kind: JsonFailure };

/** A number so long that its digits would have to be looked at for their own sake is no number of a service. */
const MAX_NUMBER = 1_000;
const numberHere = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

class Failed extends Error {
  readonly failure: JsonFailure;

  constructor(failure: JsonFailure) {
    super(failure);
    this.failure = failure;
  }
}

export function parseJson(text: string, limits: JsonLimits): JsonOutcome {
  try {
    return { kind: 'json', value: new Parser(text, limits).document() };
  } catch (error) {
    if (error instanceof Failed) return { kind: error.failure };
    throw error;
  }
}

class Parser {
  readonly #text: string;
  readonly #limits: JsonLimits;
  #at = 0;
  #values = 0;

  constructor(text: string, limits: JsonLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  document(): JsonValue {
    const value = this.#value(0);
    this.#blanks();
    if (this.#at < this.#text.length) throw new Failed('malformed');
    return value;
  }

  #value(depth: number): JsonValue {
    this.#values += 1;
    if (this.#values > this.#limits.values) throw new Failed('too_many_values');
    this.#blanks();
    switch (this.#text.charCodeAt(this.#at)) {
      case 0x7b:
        return this.#object(depth + 1);
      case 0x5b:
        return this.#array(depth + 1);
      case 0x22:
        return this.#string();
      case 0x74:
        return this.#word('true', true);
      case 0x66:
        return this.#word('false', false);
      case 0x6e:
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): JsonObject {
    if (depth > this.#limits.depth) throw new Failed('too_deep');
    const object = new Map<string, JsonValue>();
    this.#at += 1;
    if (this.#took(0x7d)) return object;
    do {
      this.#blanks();
      const key = this.#string();
      // Readers differ on which of the two counts: no comparison can say what a user would have seen.
      if (object.has(key)) throw new Failed('duplicate_key');
      if (!this.#took(0x3a)) throw new Failed('malformed');
      object.set(key, this.#value(depth));
    } while (this.#took(0x2c));
    if (!this.#took(0x7d)) throw new Failed('malformed');
    return object;
  }

  #array(depth: number): readonly JsonValue[] {
    if (depth > this.#limits.depth) throw new Failed('too_deep');
    const items: JsonValue[] = [];
    this.#at += 1;
    if (this.#took(0x5d)) return items;
    do items.push(this.#value(depth));
    while (this.#took(0x2c));
    if (!this.#took(0x5d)) throw new Failed('malformed');
    return items;
  }

  #string(): string {
    const start = this.#at;
    if (this.#text.charCodeAt(start) !== 0x22) throw new Failed('malformed');
    for (let at = start + 1; at < this.#text.length; at += 1) {
      const code = this.#text.charCodeAt(at);
      if (code === 0x22) {
        this.#at = at + 1;
        return this.#text.slice(start + 1, at);
      }
      if (code === 0x5c) return this.#escaped(start, at);
      if (code < 0x20) break;
    }
    throw new Failed('malformed');
  }

  /** The string literal is cut out by its grammar and read by JSON.parse, which knows every escape. */
  #escaped(start: number, from: number): string {
    let at = from;
    while (at < this.#text.length && this.#text.charCodeAt(at) !== 0x22) at += this.#text.charCodeAt(at) === 0x5c ? 2 : 1;
    this.#at = at + 1;
    try {
      return JSON.parse(this.#text.slice(start, at + 1)) as string;
    } catch {
      throw new Failed('malformed');
    }
  }

  #number(): JsonNumber {
    numberHere.lastIndex = this.#at;
    const found = numberHere.exec(this.#text)?.[0];
    if (found === undefined || found.length > MAX_NUMBER) throw new Failed('malformed');
    this.#at += found.length;
    return new JsonNumber(found);
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw new Failed('malformed');
    this.#at += word.length;
    return value;
  }

  #took(code: number): boolean {
    this.#blanks();
    if (this.#text.charCodeAt(this.#at) !== code) return false;
    this.#at += 1;
    return true;
  }

  #blanks(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }
}
