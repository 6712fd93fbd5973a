import { FarshoreError } from '../model/errors.ts';

/** What a column of a batch may hold: the text PostgreSQL reads for its type, or a value whose own text is that. */
export type ArrayElement = string | number | bigint | boolean | null;

// A quote or a backslash is all that must be escaped inside quotes, and a NUL is what no text of the server may hold. Most text has
// none of them, and quoting it always is cheaper than finding out whether `NULL`, a blank, a comma or a brace made it needed.
const needsLook = /["\\\0]/;

const escapeText = (text: string): string => {
  // The server would refuse the whole batch for it (22021), and say nothing of which row it was.
  if (text.includes('\0')) {
    throw new FarshoreError('record_unmappable', 'A text holds a NUL, which PostgreSQL cannot store', {
      hint: 'Have the producer leave it out.',
      facts: { sqlState: '22021' },
    });
  }
  // Backslashes first: the second step adds some.
  const once = text.includes('\\') ? text.replace(/\\/g, '\\\\') : text;
  return once.replace(/"/g, '\\"');
};

/** An element between commas; text is always quoted. Throws `record_unmappable` for a text with a NUL. */
export function elementText(element: Exclude<ArrayElement, null>): string {
  if (typeof element === 'string') {
    return needsLook.test(element) ? `"${escapeText(element)}"` : `"${element}"`;
  }
  // `String(-0)` is "0"; PostgreSQL keeps the sign of a double, so it is written out.
  return element === 0 && Object.is(element, -0) ? '-0' : `${element}`;
}

/**
 * The elements as a one-dimensional PostgreSQL array in text form, to bind as one parameter (`text[]`,
 * `bigint[]`, …): `{"a","b\"c",NULL,1}`. Two to five times as fast as the driver's own form, which rewrites every
 * element twice, and as fast where every element needs escaping; a test sends it through the server.
 */
export function arrayLiteral(elements: readonly ArrayElement[]): string {
  if (elements.length === 0) return '{}';
  let text = '{';
  for (let i = 0; i < elements.length; i++) {
    const element = elements[i];
    if (i > 0) text += ',';
    text += element === null || element === undefined ? 'NULL' : elementText(element);
  }
  return `${text}}`;
}
