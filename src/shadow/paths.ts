/**
 * Where in an answer a value stands: `status`, `header.NAME`, `body` for what is no JSON, and `$.items[].price` inside JSON. Indexes
 * of arrays, and keys that are ids, are left out: counts are kept for places that answers have in common.
 */
export type Segment = { readonly kind: 'key'; readonly name: string } | { readonly kind: 'items' };

const MAX_KEY = 64;
/** Places that several trees may remember, all together; more are still compared, and looked up anew each time. */
export interface PathAllowance {
  nodes: number;
}

const looksLikeId = (key: string): boolean =>
  /^\d+$/.test(key) ||
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(key) ||
  (/^[0-9a-z_-]{20,}$/i.test(key) && /\d/.test(key));

export const generalKey = (key: string): string => (looksLikeId(key) ? '{id}' : key.length > MAX_KEY ? `${key.slice(0, MAX_KEY)}…` : key);

/** Control characters and halves of characters only ever as escapes: paths are stored, and shown in terminals. */
const keyText = (key: string): string => (/^[^\s.[\]"\p{C}]+$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`);

/** The exact place, for one example. */
export const placeOfKey = (place: string, key: string): string => place + keyText(key);

/** One place, with what the rules say of it; made once and met again in every answer. */
export class PathNode<T> {
  readonly text: string;
  readonly value: T;
  readonly #segments: readonly Segment[];
  readonly #tree: PathTree<T>;
  readonly #keys = new Map<string, PathNode<T>>();
  #items: PathNode<T> | undefined;

  constructor(tree: PathTree<T>, text: string, segments: readonly Segment[]) {
    this.#tree = tree;
    this.text = text;
    this.#segments = segments;
    this.value = tree.look(segments);
  }

  key(name: string): PathNode<T> {
    const general = generalKey(name);
    const known = this.#keys.get(general);
    if (known !== undefined) return known;
    const made = new PathNode(this.#tree, this.text + keyText(general), [...this.#segments, { kind: 'key', name: general }]);
    if (this.#tree.mayKeep()) this.#keys.set(general, made);
    return made;
  }

  items(): PathNode<T> {
    if (this.#items !== undefined) return this.#items;
    const made = new PathNode(this.#tree, `${this.text}[]`, [...this.#segments, { kind: 'items' }]);
    if (this.#tree.mayKeep()) this.#items = made;
    return made;
  }
}

export class PathTree<T> {
  readonly look: (segments: readonly Segment[]) => T;
  readonly json: PathNode<T>;
  readonly status: PathNode<T>;
  readonly body: PathNode<T>;
  readonly header: PathNode<T>;
  readonly #allowance: PathAllowance;

  constructor(look: (segments: readonly Segment[]) => T, allowance: PathAllowance) {
    this.look = look;
    this.#allowance = allowance;
    const root = (name: string): PathNode<T> => new PathNode(this, name, [{ kind: 'key', name }]);
    this.json = root('$');
    this.status = root('status');
    this.body = root('body');
    this.header = root('header');
  }

  mayKeep(): boolean {
    if (this.#allowance.nodes <= 0) return false;
    this.#allowance.nodes -= 1;
    return true;
  }
}

export type PatternSegment = Segment | { readonly kind: 'any' } | { readonly kind: 'deep' };
export type PathPattern = readonly PatternSegment[];

const MAX_PATTERN = 512;

/**
 * `items[].price`, `$.items[].price`, `header.cache-control`, `status`, `body`; `*` is any one key, `**` any way down, and `["a.b"]` a key with
 * characters of its own. Undefined: this is no path.
 */
export function parsePathPattern(text: string): PathPattern | undefined {
  if (text.length > MAX_PATTERN) return undefined;
  const written = /^(?:\$|status$|body$|header\.)/.test(text) ? text : text.startsWith('[') ? `$${text}` : `$.${text}`;
  const segments: PatternSegment[] = [];
  const part = /(?:^|\.)(?<deep>\*\*)|(?:^|\.)(?<any>\*)|(?:^|\.)(?<name>[^\s.[\]"*]+)|(?<items>\[\])|\[(?<quoted>"(?:[^"\\]|\\.)*")\]/y;
  while (part.lastIndex < written.length) {
    const groups = part.exec(written)?.groups;
    if (groups === undefined) return undefined;
    if (groups.deep !== undefined) segments.push({ kind: 'deep' });
    else if (groups.any !== undefined) segments.push({ kind: 'any' });
    else if (groups.items !== undefined) segments.push({ kind: 'items' });
    else segments.push({ kind: 'key', name: generalKey(groups.name ?? readQuoted(groups.quoted)) });
  }
  return segments.filter(({ kind }) => kind === 'deep').length > 2 ? undefined : segments;
}

function readQuoted(quoted: string | undefined): string {
  try {
    return JSON.parse(quoted ?? '""') as string;
  } catch {
    return quoted ?? '';
  }
}

export function matchesPath(pattern: PathPattern, segments: readonly Segment[], from = 0, at = 0): boolean {
  if (from === pattern.length) return at === segments.length;
  const wanted = pattern[from]!;
  if (wanted.kind === 'deep') {
    for (let next = at; next <= segments.length; next += 1) if (matchesPath(pattern, segments, from + 1, next)) return true;
    return false;
  }
  const met = segments[at];
  if (met === undefined) return false;
  const fits =
    wanted.kind === 'any'
      ? met.kind === 'key'
      : wanted.kind === met.kind && (wanted.kind === 'items' || (met.kind === 'key' && met.name === wanted.name));
  return fits && matchesPath(pattern, segments, from + 1, at + 1);
}
