/**
 * Dates and times as PostgreSQL reads them, exact to the last digit. No Date object: it ends at year
 * 275760 and keeps milliseconds only.
 */
export const DAY_SECONDS = 86_400;
const DAY_SECONDS_BIG = 86_400n;
const padded = (count: number, digits: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => String(n).padStart(digits, '0'));
const two = padded(100, 2);
const three = padded(1_000, 3);
/** `HH:MM:` by minute of the day; 24:00 is a time too. */
const minutes = Array.from({ length: 1_441 }, (_, n) => `${two[Math.floor(n / 60)]}:${two[n % 60]}:`);
/** Days of one batch are few; a bounded map spares the calendar arithmetic. */
const MAX_DAYS = 4_096;

export interface DayText {
  readonly text: string;
  /** ` BC` goes behind time and zone. */
  readonly era: '' | ' BC';
}

/** Proleptic Gregorian date of a day counted from 1970-01-01 (Hinnant's algorithm). */
function dayText(day: number): DayText {
  const shifted = day + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const dayOfMonth = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const shown = year > 0 ? year : 1 - year;
  return { text: `${String(shown).padStart(4, '0')}-${two[month]}-${two[dayOfMonth]}`, era: year > 0 ? '' : ' BC' };
}

export class DayTexts {
  readonly #texts = new Map<number, DayText>();
  #lastDay: number | undefined;
  #lastText: DayText = { text: '', era: '' };

  get(day: number): DayText {
    if (day === this.#lastDay) return this.#lastText;
    let text = this.#texts.get(day);
    if (text === undefined) {
      if (this.#texts.size >= MAX_DAYS) this.#texts.clear();
      text = dayText(day);
      this.#texts.set(day, text);
    }
    this.#lastDay = day;
    this.#lastText = text;
    return text;
  }
}

export function clockText(secondOfDay: number): string {
  const minute = Math.floor(secondOfDay / 60);
  return minutes[minute]! + two[secondOfDay - minute * 60]!;
}

/** `digits` (3, 6 or 9) fraction digits; none at all for a whole second. */
export function fractionText(fraction: number, digits: number): string {
  if (fraction === 0) return '';
  if (digits === 3) return `.${three[fraction]}`;
  const thousands = Math.floor(fraction / 1_000);
  const rest = three[fraction - thousands * 1_000]!;
  if (digits === 6) return `.${three[thousands]}${rest}`;
  const millions = Math.floor(thousands / 1_000);
  return `.${three[millions]}${three[thousands - millions * 1_000]}${rest}`;
}

/** A moment counted in `perSecond` units from the epoch. `zone` is `+00` for an instant and empty for a local time. */
export function momentText(value: number | bigint, perSecond: number, digits: number, zone: '+00' | '', days: DayTexts): string {
  let second: number;
  let fraction: number;
  let dayBefore = 0;
  if (typeof value === 'number') {
    second = Math.floor(value / perSecond);
    fraction = value - second * perSecond;
  } else {
    const units = BigInt(perSecond);
    fraction = Number(((value % units) + units) % units);
    const whole = (value - BigInt(fraction)) / units;
    second = Number(whole);
    if (!Number.isSafeInteger(second)) {
      // Milliseconds reach further than a number counts seconds: 285 million years.
      dayBefore = Number(whole / DAY_SECONDS_BIG);
      second = Number(whole % DAY_SECONDS_BIG);
    }
  }
  const day = Math.floor(second / DAY_SECONDS);
  const { text, era } = days.get(dayBefore + day);
  return `${text} ${clockText(second - day * DAY_SECONDS)}${fractionText(fraction, digits)}${zone}${era}`;
}
