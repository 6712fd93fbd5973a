import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DayTexts, momentText } from '../../../src/avro/calendar.ts';
import { DecimalBytes, decimalText } from '../../../src/avro/decimal.ts';
import { MomentBytes } from '../../../src/avro/moment-bytes.ts';
import { recordDecoder } from '../../../src/avro/record-decoder.ts';
import { TextColumn } from '../../../src/postgres/text-column.ts';
import { long, record } from './avsc-reference.ts';

const units = [
  [1_000, 3],
  [1_000_000, 6],
  [1_000_000_000, 9],
] as const;

describe('scalars written as bytes', () => {
  it('moments are the text they have as strings, whatever came before', () => {
    const safe = fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
    const near = fc.integer({ min: -86_400_001, max: 86_400_001 });
    const cases = fc.tuple(fc.constantFrom(...units), fc.constantFrom('+00' as const, '' as const), fc.array(fc.oneof(safe, near)));
    fc.assert(
      fc.property(cases, ([[perSecond, digits], zone, values]) => {
        const days = new DayTexts();
        const moment = new MomentBytes(perSecond, digits, zone, days);
        for (const value of values) {
          const text = momentText(value, perSecond, digits, zone, days);
          const length = moment.write(value);
          if (length === 0) expect(text).toMatch(/^\d{5,}-| BC$/);
          else expect(moment.bytes.toString('latin1', 0, length)).toBe(text);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('writes the years of four digits itself', () => {
    const moment = new MomentBytes(1_000, 3, '', new DayTexts());
    const written = (text: string) => moment.bytes.toString('latin1', 0, moment.write(Date.parse(`${text}Z`)));
    for (const text of ['0001-01-01T00:00:00', '9999-12-31T23:59:59.999', '1969-12-31T23:59:59.001', '2026-11-29T06:00:00'])
      expect(written(text)).toBe(text.replace('T', ' '));
  });

  it('decimals are the text they have as strings', () => {
    const cases = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 8 }), fc.integer({ min: 0, max: 20 }));
    fc.assert(
      fc.property(cases, ([bytes, scale]) => {
        const decimal = new DecimalBytes(scale);
        // Bytes around it belong to others; and what was written before must not show.
        decimal.write(Buffer.from([0x80, 0, 0, 0, 0, 0]), 0, 6);
        const source = Buffer.from([0xff, ...bytes, 0xff]);
        const at = decimal.write(source, 1, 1 + bytes.length);
        if (bytes.length > 6) expect(at).toBe(-1);
        else expect(decimal.bytes.toString('latin1', at)).toBe(decimalText(source, 1, 1 + bytes.length, scale));
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['timestamp-millis', 1_700_000_000_123n, 1_700_000_000_123_000],
    ['local-timestamp-micros', -1n, -1],
    ['timestamp-micros', (1n << 63n) - 1n, '294247-01-10 04:00:54.775807+00'],
    ['timestamp-nanos', 2_000n, '1970-01-01 00:00:00.000002000+00'],
    ['timestamp-nanos', 1_999n, '1970-01-01 00:00:00.000001999+00'],
  ])('a %s that orders is its microseconds, or its text where no number holds them', (logicalType, sent, value) => {
    const schema = record({ name: 'at', type: ['null', { type: 'long', logicalType }] });
    const reader = recordDecoder(JSON.stringify(schema), 'schema 1').fieldReader!(['both']);
    const [column, values] = [new TextColumn(), [] as unknown[]];
    const body = Buffer.concat([Buffer.from([2]), long(sent)]);
    reader.read(body, 0, body.length, [column], values as never[]);
    reader.read(Buffer.from([0]), 0, 1, [column], values as never[]);
    expect([column.count, values]).toEqual([2, [null]]);
    reader.read(body, 0, body.length, [column], values as never[]);
    expect(values).toEqual([value]);
  });
});
