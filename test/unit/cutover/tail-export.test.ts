import { describe, expect, it } from 'vitest';
import { unmirroredRanges } from '../../../src/cutover/tail-export.ts';
import { at } from './fixtures.ts';

const tail = { topic: 'east.billing.invoices', partition: 3, from: 812n, to: 815n, foundAt: at };
const primary = { brokers: ['kafka-1.east:9092', 'kafka-2.east:9092'], prefix: 'east.' };

describe('what a primary that was given up has alone', () => {
  it('is a range each, with the command that brings its records: by the name they have there', () => {
    const [range] = unmirroredRanges([tail], primary);
    expect(range).toMatchObject({
      topic: 'east.billing.invoices',
      primaryTopic: 'billing.invoices',
      partition: 3,
      from: '812',
      to: '815',
      foundAt: at,
    });
    expect(range?.exportCommand).toMatch(
      /^kafka-console-consumer\.sh --bootstrap-server kafka-1\.east:9092,kafka-2\.east:9092 --topic billing\.invoices --partition 3 --offset 812 --max-messages 3 /,
    );
    expect(range?.exportCommand).toMatch(/ > billing\.invoices-3-812\.tail$/);
  });

  it('keeps the name of a topic that has no prefix, and quotes what a shell would read', () => {
    const [range] = unmirroredRanges([{ ...tail, topic: 'invoices' }], { brokers: ["a'b;reboot:9092"], prefix: 'east.' });
    expect(range?.primaryTopic).toBe('invoices');
    expect(range?.exportCommand).toContain(`--bootstrap-server 'a'\\''b;reboot:9092' --topic invoices `);
  });
});
