import { createHmac } from 'node:crypto';
import { isArray } from './canonical.ts';
import type { Difference } from './difference.ts';
import { JsonNumber, type JsonObject, type JsonValue } from './json-value.ts';
import { matchesPath, type PathNode, type PathPattern, PathTree, parsePathPattern } from './paths.ts';

export interface SampleRules {
  /** Off: no value of any answer is kept. */
  readonly keep: boolean;
  readonly redact: readonly string[];
  readonly hmac: readonly string[];
  readonly maxBytes: number;
}

type Showing = 'show' | 'hmac' | 'redact';
const MAX_NODES = 4_096;
const REDACTED = '[redacted]';
/** Whatever the rules say. */
const credentials = ['header.set-cookie', 'header.authorization', 'header.www-authenticate', 'header.proxy-authenticate'] as const;

/** Makes values of answers fit to be kept: by rule hidden, or turned into a keyed digest that only tells which ones are equal. */
export class Redactor {
  readonly #tree: PathTree<Showing>;
  readonly #rules: SampleRules;
  readonly #key: Buffer;

  /** Throws a RangeError for what the configuration's schema refuses. */
  constructor(rules: SampleRules, key: Buffer) {
    const redact = [...credentials, ...rules.redact].map(patternOf);
    const hmac = rules.hmac.map(patternOf);
    this.#rules = rules;
    this.#key = key;
    this.#tree = new PathTree(
      (segments) => {
        const hits = (patterns: readonly PathPattern[]): boolean => patterns.some((pattern) => matchesPath(pattern, segments));
        if (hits(redact)) return 'redact';
        return hits(hmac) ? 'hmac' : 'show';
      },
      { nodes: MAX_NODES },
    );
  }

  /** What is kept of one side. Null: it has nothing there. */
  shown(difference: Difference, value: JsonValue | undefined): string | null {
    if (value === undefined) return null;
    const found = this.#find(difference.path);
    if (found === undefined || found.showing === 'redact') return REDACTED;
    if (found.showing === 'hmac') return this.#digest(canonicalText(value));
    // A body that is not JSON to us may hold, in its text, what a rule would hide.
    const isWholeText = typeof value === 'string' && (difference.path === 'body' || difference.path === '$');
    if (isWholeText && this.#rules.redact.length + this.#rules.hmac.length > 0) return `${REDACTED} ${value.length} characters`;
    return cut(this.#text(value, found.node), this.#rules.maxBytes);
  }

  /** The node of a path and what holds there: what hides a value hides all below it. */
  #find(path: string): { readonly node: PathNode<Showing>; readonly showing: Showing } | undefined {
    const [first, ...rest] = parsePathPattern(path) ?? [];
    if (first?.kind !== 'key') return undefined;
    let node = { $: this.#tree.json, status: this.#tree.status, body: this.#tree.body, header: this.#tree.header }[first.name];
    let showing = node?.value;
    for (const segment of rest) {
      if (segment.kind !== 'key' && segment.kind !== 'items') return undefined;
      node = segment.kind === 'items' ? node?.items() : node?.key(segment.name);
      if (showing === 'show') showing = node?.value;
    }
    return node === undefined || showing === undefined ? undefined : { node, showing };
  }

  #text(value: JsonValue, node: PathNode<Showing>): string {
    if (node.value === 'redact') return JSON.stringify(REDACTED);
    if (node.value === 'hmac') return JSON.stringify(this.#digest(canonicalText(value)));
    if (isArray(value)) return `[${this.#listed(value, (item) => this.#text(item, node.items()))}]`;
    if (value instanceof Map) {
      return `{${this.#listed([...(value as JsonObject)], ([key, inner]) => `${JSON.stringify(key)}:${this.#text(inner, node.key(key))}`)}}`;
    }
    return scalar(value as null | boolean | string | JsonNumber);
  }

  /** Ends once there is more than is kept: a long list is not written out to be cut. */
  #listed<T>(values: readonly T[], text: (value: T) => string): string {
    const parts: string[] = [];
    let length = 0;
    for (const value of values) {
      if (length > this.#rules.maxBytes) return `${parts.join(',')},…`;
      const part = text(value);
      parts.push(part);
      length += part.length;
    }
    return parts.join(',');
  }

  #digest(text: string): string {
    return `hmac:${createHmac('sha256', this.#key).update(text).digest('hex').slice(0, 16)}`;
  }
}

function patternOf(text: string): PathPattern {
  const pattern = parsePathPattern(text);
  if (pattern === undefined) throw new RangeError(`${text} is no path of a value`);
  return pattern;
}

function scalar(value: null | boolean | string | JsonNumber): string {
  if (value instanceof JsonNumber) return value.text;
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function canonicalText(value: JsonValue): string {
  if (isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  if (value instanceof Map) {
    const members = [...(value as JsonObject)].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalText(inner)}`).join(',')}}`;
  }
  return value instanceof JsonNumber ? value.canonical : scalar(value as null | boolean | string);
}

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length)}…` : text).toWellFormed();

/** The path as it was asked, and which parameters it had. A pair without `=` may as well be a value, such as a token, as a name. */
export function shownTarget(path: string, query: string): string {
  if (query === '') return cut(path, 512);
  const names = query.split('&').map((pair) => (pair.includes('=') ? `${pair.split('=', 1)[0]}=…` : '…'));
  return cut(`${path}?${names.join('&')}`, 512);
}
