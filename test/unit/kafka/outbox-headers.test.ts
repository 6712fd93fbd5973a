import { describe, expect, it } from 'vitest';
import { outboxHeaders } from '../../../src/kafka/outbox-headers.ts';
import type { OutboxRow } from '../../../src/outbox/contracts.ts';

const row = (headers: OutboxRow['headers']): OutboxRow => ({
  ...{ id: 7n, topic: 'billing', partition: undefined, key: null, value: null, attempts: 0 },
  headers,
});

describe('headers of a row of the outbox', () => {
  it('are its texts, empty ones too, in their order', () => {
    const headers = JSON.parse('{"b": "x", "a": "", "__proto__": "y"}') as OutboxRow['headers'];
    expect(outboxHeaders(row(headers))).toEqual([
      { name: 'b', value: 'x' },
      { name: 'a', value: '' },
      { name: '__proto__', value: 'y' },
    ]);
  });

  // Buffer.from threw a TypeError for most of them, which ended the daemon, and took an array for bytes.
  it.each([
    [1, 'a number'],
    [null, 'null'],
    [true, 'a boolean'],
    [{ a: 'b' }, 'an object'],
    [['1'], 'an array'],
    [[], 'an array'],
  ])('that are no text, as %j, refuse the row by name', (value, kind) => {
    expect(() => outboxHeaders(row({ fine: 'x', attempt: value }))).toThrow(
      expect.objectContaining({
        code: 'batch_refused',
        message: `Row 7 of the outbox, for billing: header "attempt" is ${kind}, not text`,
      }),
    );
  });
});
