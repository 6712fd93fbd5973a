const DAY_MICROS = 86_400_000_000;
const MAX_DAYS = 4_096;

const shape =
  /^(?<year>\d{4,7})-(?<month>\d\d)-(?<day>\d\d)(?:[ T](?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d)(?:\.(?<fraction>\d{1,9}))?)?(?<zone>Z|[+-]\d\d(?::?\d\d)?)?(?<bc> BC)?$/;

/** Days since 1970-01-01, proleptic Gregorian; years before 1 are 0, −1, … */
function days(year: number, month: number, day: number): number {
  // Date.UTC takes years below 100 for years of the twentieth century.
  return new Date(0).setUTCFullYear(year, month - 1, day) / 86_400_000;
}

/**
 * Reads timestamps and dates in PostgreSQL's text form as microseconds since 1970 in UTC: texts with years
 * above 9999 or before Christ do not sort like the moments they name. Nanoseconds are cut, as
 * the column cuts them, so two states in one microsecond are a tie.
 */
export class TimestampReader {
  /** By the day's text: the days of one batch are few. */
  readonly #days = new Map<string, number>();

  /** A number where it is exact, else a bigint; undefined for a text of another form. */
  micros(text: string): number | bigint | undefined {
    return this.#plain(text) ?? general(text);
  }

  /** `2026-01-31 12:34:56[.ffffff][+00]` with a year of four digits: nearly all there are. */
  #plain(text: string): number | undefined {
    const { length } = text;
    if (length < 19 || text.charCodeAt(4) !== 45 || text.charCodeAt(13) !== 58) return undefined;
    let at = 19;
    let fraction = 0;
    if (text.charCodeAt(19) === 46) {
      at = 20;
      for (let unit = 100_000; at < length; at++, unit = Math.floor(unit / 10)) {
        const digit = text.charCodeAt(at) - 48;
        if (digit < 0 || digit > 9) break;
        fraction += digit * unit;
      }
    }
    if (at !== length) {
      const zone = text.slice(at);
      if (zone !== '+00' && zone !== 'Z' && zone !== '+00:00') return undefined;
    }
    const day = text.slice(0, 10);
    const dayMicros = this.#days.get(day) ?? this.#read(day);
    if (dayMicros === undefined) return undefined;
    const seconds = two(text, 11) * 3600 + two(text, 14) * 60 + two(text, 17);
    return dayMicros + seconds * 1_000_000 + fraction;
  }

  #read(day: string): number | undefined {
    const micros = general(day);
    if (typeof micros !== 'number') return undefined;
    if (this.#days.size >= MAX_DAYS) this.#days.clear();
    this.#days.set(day, micros);
    return micros;
  }
}

const two = (text: string, at: number): number => (text.charCodeAt(at) - 48) * 10 + (text.charCodeAt(at + 1) - 48);

function general(text: string): number | bigint | undefined {
  const parts = shape.exec(text)?.groups;
  if (parts === undefined) return undefined;
  const { hour = '0', minute = '0', second = '0', fraction = '', zone = '', bc } = parts;
  const year = bc === undefined ? Number(parts.year) : 1 - Number(parts.year);
  const micros = Number(fraction.padEnd(6, '0').slice(0, 6));
  const ofDay = (Number(hour) * 3600 + Number(minute) * 60 + Number(second) - zoneSeconds(zone)) * 1_000_000 + micros;
  const day = days(year, Number(parts.month), Number(parts.day));
  if (!Number.isFinite(day)) return undefined;
  const total = day * DAY_MICROS + ofDay;
  return Number.isSafeInteger(total) ? total : BigInt(day) * BigInt(DAY_MICROS) + BigInt(ofDay);
}

function zoneSeconds(zone: string): number {
  if (zone === '' || zone === 'Z') return 0;
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
  const seconds = Number(digits.slice(0, 2)) * 3600 + Number(digits.slice(2)) * 60;
  return zone.startsWith('-') ? -seconds : seconds;
}
