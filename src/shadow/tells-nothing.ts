/** The login was refused, or the question was one too many. */
const refusals: ReadonlySet<number> = new Set([401, 403, 407, 429]);

/**
 * Whether such an answer of the primary says nothing about the data. Where the shadow's own login is missing or has run out, both sides refuse it
 * with the same words: equal, and proof of nothing. Of the region it is compared: a primary that answered knew more.
 */
export const tellsNothing = (status: number): boolean => refusals.has(status) || status >= 500;
