import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { generatedDocs } from '../../../scripts/generate-docs.ts';

describe('pages made from the code', () => {
  it.each([...generatedDocs()])('%s is what node scripts/generate-docs.ts writes', (path, text) => {
    expect(readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')).toBe(text);
  });
});
