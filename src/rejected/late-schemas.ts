/** When the registry was last asked for a schema that it did not know, and how often. */
export interface AskedSchema {
  readonly atMs: number;
  readonly times: number;
}

const FIRST_MS = 10_000;
const MOST_MS = 600_000;

/** Time between two questions for a schema nobody has registered: doubled each time, up to ten minutes. */
export const askAgainMs = (times: number): number => Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(times - 1, 10));

/** Which of the schemas that kept records wait for are asked for now, at most `limit`, those that were asked least often first. */
export function dueSchemas(
  refs: readonly string[],
  asked: ReadonlyMap<string, AskedSchema>,
  nowMs: number,
  limit: number,
): readonly string[] {
  return [...new Set(refs)]
    .filter((ref) => {
      const before = asked.get(ref);
      return before === undefined || nowMs - before.atMs >= askAgainMs(before.times);
    })
    .toSorted((a, b) => (asked.get(a)?.times ?? 0) - (asked.get(b)?.times ?? 0))
    .slice(0, limit);
}
