import { describe, expect, it } from 'vitest';
import { detailText, rejectedTable } from '../../../src/cli/rejected-text.ts';
import type { RejectedDetail } from '../../../src/model/rejected.ts';

const base64 = (bytes: Buffer | string) => Buffer.from(bytes).toString('base64');
const record: RejectedDetail = {
  id: '12',
  topic: 'billing.invoices',
  partition: 3,
  offset: '812',
  table: 'public.invoices',
  waitsFor: null,
  reason: 'row_refused',
  sqlState: '22001',
  message: 'value too long \u001b[31m\nfor type',
  attempts: 2,
  firstSeen: '2026-01-01T00:00:00.000Z',
  lastSeen: '2026-01-02T00:00:00.000Z',
  timestampMs: 0,
  homeEpoch: 1,
  generation: 4,
  key: null,
  value: base64(Buffer.concat([Buffer.from('\u001b[2Jlong text of a row'), Buffer.alloc(600, 0x41)])),
  headers: '',
  headerCount: 0,
};

describe('rejected records as text', () => {
  it('are one line each, with nothing a terminal would obey', () => {
    expect(rejectedTable([record])).toBe(
      'ID  TABLE            RECORD                  REASON               ATTEMPTS  LAST SEEN                 MESSAGE\n' +
        '12  public.invoices  billing.invoices:3@812  row_refused (22001)  2         2026-01-02T00:00:00.000Z  value too long ·[31m·for type\n',
    );
    expect(rejectedTable([])).toBe('no rejected records\n');
  });

  it('are shown whole as bytes, cut where a screen ends', () => {
    const text = detailText(record);
    expect(text).toContain('key\n  none\n');
    expect(text).toContain('headers, 0 of them\n  empty\n');
    expect(text).toContain('  000000  1b 5b 32 4a 6c 6f 6e 67 20 74 65 78 74 20 6f 66  .[2Jlong text of\n');
    expect(text).toContain('  0001f0  ');
    expect(text).not.toContain('  000200  ');
    expect(text).toContain('… 622 bytes in all; -o json has them\n');
    expect(text).not.toContain('\u001b');
  });
});
