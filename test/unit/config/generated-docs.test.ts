import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { generatedDocs } from '../../../scripts/generate-docs.ts';
import { configSchema, laterKeys } from '../../../src/config/schema.ts';

describe('pages made from the code', () => {
  it.each([...generatedDocs()])('%s is what node scripts/generate-docs.ts writes', (path, text) => {
    expect(readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')).toBe(text);
  });

  it('name no key both as known and as one of a later version', () => {
    expect(Object.keys(configSchema.shape).filter((key) => laterKeys.has(key))).toEqual([]);
  });
});
