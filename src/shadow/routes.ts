import { generalKey } from './paths.ts';

/** A configured route, `GET /users/{id}`. */
export interface RoutePattern {
  readonly label: string;
  readonly method: string;
  /** Undefined stands for any one segment. */
  readonly segments: readonly (string | undefined)[];
}

/** Where requests are counted that belong to no configured route once the groups of their own are used up. */
export const OTHER_ROUTES = 'other';

const MAX_LABEL = 160;

/** Undefined: this is no route. */
export function parseRoute(text: string): RoutePattern | undefined {
  const groups = /^(?<method>[A-Z]{1,20}) (?<path>\/[^\s?#]*)$/.exec(text)?.groups;
  if (groups?.method === undefined || groups.path === undefined || text.length > MAX_LABEL) return undefined;
  const parts = groups.path.slice(1).split('/');
  if (parts.some((part) => /[{}]/.test(part) && !/^\{[A-Za-z_][A-Za-z0-9_]*\}$/.test(part))) return undefined;
  return { label: text, method: groups.method, segments: parts.map((part) => (part.startsWith('{') ? undefined : part)) };
}

/**
 * Groups requests by what they ask for. Labels are a bounded set, whatever is asked: a path no route matches is a group of its
 * own, its ids left out, as long as there is room for one.
 */
export class RouteGroups {
  readonly #byShape = new Map<string, RoutePattern[]>();
  readonly #unmatched = new Set<string>();
  readonly #most: number;
  #overflowed = 0;

  /** Throws a RangeError for what the configuration's schema refuses. */
  constructor(routes: readonly string[], most: number) {
    this.#most = most;
    for (const text of routes) {
      const route = parseRoute(text);
      if (route === undefined) throw new RangeError(`${text} is no route`);
      const shape = shapeOf(route.method, route.segments.length);
      const known = this.#byShape.get(shape) ?? [];
      this.#byShape.set(shape, [...known, route].toSorted(bySpecificity));
    }
  }

  /** Requests that found no room for a group of their own. */
  get overflowed(): number {
    return this.#overflowed;
  }

  /** Takes up groups that were counted before a restart. */
  restore(labels: Iterable<string>): void {
    for (const label of labels) if (label !== OTHER_ROUTES && !this.#isConfigured(label)) this.#admit(label);
  }

  has(label: string): boolean {
    return label === OTHER_ROUTES || this.#unmatched.has(label) || this.#isConfigured(label);
  }

  of(method: string, path: string): string {
    const parts = path.slice(1).split('/');
    const configured = this.#byShape.get(shapeOf(method, parts.length))?.find(({ segments }) => fits(segments, parts));
    if (configured !== undefined) return configured.label;
    const label = `${method} /${parts.map(generalKey).join('/')}`;
    if (label.length <= MAX_LABEL && this.#admit(label)) return label;
    this.#overflowed += 1;
    return OTHER_ROUTES;
  }

  #isConfigured(label: string): boolean {
    return [...this.#byShape.values()].some((routes) => routes.some((route) => route.label === label));
  }

  #admit(label: string): boolean {
    if (!this.#unmatched.has(label) && this.#unmatched.size >= this.#most) return false;
    this.#unmatched.add(label);
    return true;
  }
}

const shapeOf = (method: string, segments: number): string => `${method} ${segments}`;

const fits = (segments: RoutePattern['segments'], parts: readonly string[]): boolean =>
  segments.every((segment, at) => (segment === undefined ? parts[at] !== '' : segment === parts[at]));

/** Whichever names a segment first where the other takes any: /users/me before /users/{id}. */
function bySpecificity(left: RoutePattern, right: RoutePattern): number {
  for (let at = 0; at < left.segments.length; at += 1) {
    const [named, other] = [left.segments[at] !== undefined, right.segments[at] !== undefined];
    if (named !== other) return named ? -1 : 1;
  }
  return 0;
}
