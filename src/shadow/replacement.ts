/** Text that is replaced before it is compared. Longer text is compared as it is: what a pattern may cost is known before. */
export interface Replacement {
  readonly pattern: RegExp;
  readonly with: string;
  readonly maxLength: number;
}

/** Steps one replacement may take, in the worst text for it: some 20 ms. */
const MAX_STEPS = 2e7;
const lengths = [8_192, 1_024, 256, 64] as const;
const MAX_PATTERN = 200;

/**
 * A pattern and the longest text it is used on, or what is wrong with it. A matcher that backtracks tries each count of each
 * quantifier from each place: their product is the bound. A quantifier around another one has no such bound.
 */
export function replacementOf(source: string, replaceWith: string): Replacement | string {
  if (source.length > MAX_PATTERN) return `a pattern has at most ${MAX_PATTERN} characters`;
  let pattern: RegExp;
  try {
    pattern = new RegExp(source, 'gu');
  } catch {
    return 'this is no pattern';
  }
  const counts = quantifiers(source);
  if (typeof counts === 'string') return counts;
  const maxLength = lengths.find((length) => counts.reduce((steps, count) => steps * Math.min(count, length), length) <= MAX_STEPS);
  if (maxLength === undefined) return 'the pattern could take too long: use fewer quantifiers, or lower counts';
  return { pattern, with: replaceWith, maxLength };
}

export function replaced(text: string, replacements: readonly Replacement[]): string {
  let result = text;
  for (const { pattern, with: by, maxLength } of replacements) if (result.length <= maxLength) result = result.replaceAll(pattern, by);
  return result;
}

/** How many ways each quantifier and each alternative has. */
function quantifiers(source: string): readonly number[] | string {
  const counts: number[] = [];
  /** For each open group: whether something in it has more than one way. */
  const groups: boolean[] = [false];
  const part =
    /\\[pP]\{[^}]*\}|\\u\{[^}]*\}|\\k|\\[1-9]|\\.|\[(?:\\.|[^\]\\])*\]|\((?:\?(?:<?[=!]|:|<[^>]*>))?|\)|\||[*+?]\??|\{(?<from>\d+)(?<open>,(?<to>\d*))?\}\??|./gsu;
  let closed = false;
  for (const { 0: met, groups: named } of source.matchAll(part)) {
    const inner = closed;
    closed = false;
    if (met === '\\k' || /^\\[1-9]$/.test(met) || /^\(\?<?[=!]/.test(met)) return 'patterns have no references and no lookaround';
    if (met.startsWith('(')) groups.push(false);
    else if (met === ')') {
      const several = groups.pop() === true;
      closed = several;
      if (several && groups.length > 0) groups[groups.length - 1] = true;
    } else {
      // Also for a fixed count: three times `a+` is `a+a+a+`.
      if (inner && /^[*+?{]/.test(met)) return 'a quantifier stands around another one, or around alternatives';
      const count = waysOf(met, named);
      if (count === 1) continue;
      counts.push(count);
      groups[groups.length - 1] = true;
    }
  }
  return counts;
}

function waysOf(met: string, named: Record<string, string | undefined> | undefined): number {
  if (met === '|') return 2;
  if (/^[*+]\??$/.test(met)) return Number.POSITIVE_INFINITY;
  if (/^\?\??$/.test(met)) return 2;
  if (named?.from === undefined || named.open === undefined) return 1;
  return named.to === '' || named.to === undefined ? Number.POSITIVE_INFINITY : Number(named.to) - Number(named.from) + 1;
}
