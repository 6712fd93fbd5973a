import { matchesPath, type PathAllowance, type PathPattern, PathTree, parsePathPattern, type Segment } from './paths.ts';
import { type Replacement, replacementOf } from './replacement.ts';

/** One rule as configured: what it does not name it leaves as it is. */
export interface CompareRule {
  /** A configured route; undefined: every route. */
  readonly route: string | undefined;
  readonly path: string;
  readonly ignore: boolean;
  /** Numbers are rounded to so many digits after the point. */
  readonly round: number | undefined;
  /** Times this far apart are equal. */
  readonly withinMs: number | undefined;
  readonly lowerCase: boolean;
  readonly unordered: boolean;
  /** Elements of an unordered array that have the same value in this field are the same element. */
  readonly unorderedBy: string | undefined;
  readonly replace: { readonly pattern: string; readonly with: string } | undefined;
}

/** What the rules make of the value at one place. */
export interface PathRules {
  readonly ignore: boolean;
  readonly round: number | undefined;
  readonly withinMs: number | undefined;
  readonly lowerCase: boolean;
  readonly unordered: { readonly by: string | undefined } | undefined;
  readonly replace: readonly Replacement[];
}

export type RuleTree = PathTree<PathRules>;

interface Compiled {
  readonly rule: CompareRule;
  readonly pattern: PathPattern;
  readonly replacement: Replacement | undefined;
}

const without: PathRules = { ignore: false, round: undefined, withinMs: undefined, lowerCase: false, unordered: undefined, replace: [] };

/** Of all routes: keys of answers are what services make them. */
const MAX_NODES = 50_000;

/** The rules of every route. A later rule says more than an earlier one of the same place. */
export class RuleBook {
  readonly #compiled: readonly Compiled[];
  readonly #trees = new Map<string, RuleTree>();
  readonly #allowance: PathAllowance = { nodes: MAX_NODES };

  /** Throws a RangeError for what the configuration's schema refuses. */
  constructor(rules: readonly CompareRule[]) {
    this.#compiled = rules.map((rule) => {
      const pattern = parsePathPattern(rule.path);
      const replacement = rule.replace === undefined ? undefined : replacementOf(rule.replace.pattern, rule.replace.with);
      if (pattern === undefined || typeof replacement === 'string') throw new RangeError(`${rule.path} cannot be compared by its rule`);
      return { rule, pattern, replacement };
    });
  }

  /** `route` comes from a bounded set. */
  of(route: string): RuleTree {
    const known = this.#trees.get(route);
    if (known !== undefined) return known;
    const own = this.#compiled.filter(({ rule }) => rule.route === undefined || rule.route === route);
    const tree = new PathTree((segments) => rulesAt(own, segments), this.#allowance);
    this.#trees.set(route, tree);
    return tree;
  }
}

function rulesAt(compiled: readonly Compiled[], segments: readonly Segment[]): PathRules {
  const met = compiled.filter(({ pattern }) => matchesPath(pattern, segments));
  return met.reduce<PathRules>(
    (known, { rule, replacement }) => ({
      ignore: known.ignore || rule.ignore,
      round: rule.round ?? known.round,
      withinMs: rule.withinMs ?? known.withinMs,
      lowerCase: known.lowerCase || rule.lowerCase,
      unordered: rule.unordered || rule.unorderedBy !== undefined ? { by: rule.unorderedBy } : known.unordered,
      replace: replacement === undefined ? known.replace : [...known.replace, replacement],
    }),
    without,
  );
}
