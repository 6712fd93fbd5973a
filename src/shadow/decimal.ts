/**
 * A number as its digits say it, never as a double: 9007199254740993 is not 9007199254740992, and 1e3 is 1000. The value is
 * 0.DIGITS × 10^exponent, digits without zeros at either end; zero has none.
 */
export interface Decimal {
  readonly negative: boolean;
  readonly digits: string;
  readonly exponent: bigint;
}

const ZERO: Decimal = { negative: false, digits: '', exponent: 0n };

/** Reads a number of JSON's grammar. */
export function decimalOf(text: string): Decimal {
  const parts = /^(?<sign>-?)(?<whole>\d+)(?:\.(?<fraction>\d+))?(?:[eE](?<power>[+-]?\d+))?$/.exec(text)?.groups;
  const whole = parts?.whole ?? '';
  const all = whole + (parts?.fraction ?? '');
  const first = all.search(/[1-9]/);
  if (first < 0) return ZERO;
  let end = all.length;
  while (all.charCodeAt(end - 1) === 48) end -= 1;
  const exponent = BigInt(parts?.power ?? 0) + BigInt(whole.length - first);
  return { negative: parts?.sign === '-', digits: all.slice(first, end), exponent };
}

/** One text for each value, whichever way it was written. */
export const decimalText = ({ negative, digits, exponent }: Decimal): string =>
  digits === '' ? '0' : `${negative ? '-' : ''}0.${digits}e${exponent}`;

/** Half away from zero, to so many digits after the point. */
export function roundDecimal(value: Decimal, places: number): Decimal {
  const kept = value.exponent + BigInt(places);
  if (kept >= BigInt(value.digits.length)) return value;
  if (kept < 0n) return ZERO;
  const cut = Number(kept);
  const up = value.digits.charCodeAt(cut) >= 53;
  const head = value.digits.slice(0, cut);
  if (!up) return trimmed(value, head, value.exponent);
  const raised = (BigInt(head === '' ? '0' : head) + 1n).toString();
  const carry = raised.length > head.length ? 1n : 0n;
  return trimmed(value, raised, value.exponent + carry);
}

function trimmed({ negative }: Decimal, digits: string, exponent: bigint): Decimal {
  const end = digits.search(/0*$/);
  return end === 0 ? ZERO : { negative, digits: digits.slice(0, end), exponent };
}
