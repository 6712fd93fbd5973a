import { describe, expect, it } from 'vitest';
import { compareWithJavaAvro } from '../differential/avro.ts';

describe('Avro, beside Apache Avro for Java', () => {
  it('decodes what Java encodes to what Java reads, to the last digit, for random schemas and values', async () => {
    const { differences, values } = await compareWithJavaAvro(1, 300, 10);
    expect(differences.slice(0, 3)).toEqual([]);
    expect(values).toBe(3_000);
  });
});
