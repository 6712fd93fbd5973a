import { DAY_SECONDS, type DayTexts } from './calendar.ts';

const SPACE = 0x20;
const COLON = 0x3a;
const POINT = 0x2e;
const PLUS = 0x2b;
const ZERO = 0x30;
/** `YYYY-MM-DD HH:MM:SS.fffffffff+00`. */
const MOST_BYTES = 32;

/**
 * Moments as `momentText` writes them, as bytes that the next one uses again: without a string, of which a row had four for each of its
 * timestamps. Years of four digits only, which nearly all are.
 */
export class MomentBytes {
  readonly bytes = Buffer.alloc(MOST_BYTES);
  readonly #perSecond: number;
  readonly #digits: number;
  readonly #zone: '+00' | '';
  readonly #days: DayTexts;
  #day: number | undefined;

  constructor(perSecond: number, digits: number, zone: '+00' | '', days: DayTexts) {
    this.#perSecond = perSecond;
    this.#digits = digits;
    this.#zone = zone;
    this.#days = days;
  }

  /** How many bytes it wrote; 0 for a moment whose year has not four digits. */
  write(value: number): number {
    const second = Math.floor(value / this.#perSecond);
    const fraction = value - second * this.#perSecond;
    const day = Math.floor(second / DAY_SECONDS);
    const { bytes } = this;
    if (day !== this.#day) {
      const { text, era } = this.#days.get(day);
      if (text.length !== 10 || era !== '') return 0;
      bytes.write(text, 0, 'latin1');
      this.#day = day;
    }
    const secondOfDay = second - day * DAY_SECONDS;
    const minuteOfDay = Math.floor(secondOfDay / 60);
    const hour = Math.floor(minuteOfDay / 60);
    bytes[10] = SPACE;
    this.#number(hour, 11, 2);
    bytes[13] = COLON;
    this.#number(minuteOfDay - hour * 60, 14, 2);
    bytes[16] = COLON;
    this.#number(secondOfDay - minuteOfDay * 60, 17, 2);
    let end = 19;
    if (fraction !== 0) {
      bytes[end] = POINT;
      this.#number(fraction, end + 1, this.#digits);
      end += 1 + this.#digits;
    }
    if (this.#zone === '') return end;
    bytes[end] = PLUS;
    bytes[end + 1] = ZERO;
    bytes[end + 2] = ZERO;
    return end + 3;
  }

  #number(value: number, start: number, digits: number): void {
    let rest = value;
    for (let at = start + digits - 1; at >= start; at--) {
      const next = Math.floor(rest / 10);
      this.bytes[at] = ZERO + rest - next * 10;
      rest = next;
    }
  }
}
