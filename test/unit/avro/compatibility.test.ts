import { describe, expect, it } from 'vitest';
import { compatibilityWarnings } from '../../../src/avro/compatibility.ts';
import { never, RegistryDouble } from './registry-double.ts';

const topics = ['a', 'b', 'c'].map((home) => ({ topic: `us.${home}`, home }));

async function warned(modes: readonly (readonly [string | undefined, string])[]) {
  const registry = new RegistryDouble();
  for (const [subject, mode] of modes) registry.modes.set(subject, mode);
  const warnings = await compatibilityWarnings(registry, topics, never);
  return { warnings, asked: registry.asked };
}

describe('the compatibility mode of a registry', () => {
  it('is told for each subject under which a table can be surprised, with what it means', async () => {
    const { warnings } = await warned([
      ['a-value', 'NONE'],
      ['b-value', 'FORWARD_TRANSITIVE'],
      ['c-value', 'FULL'],
    ]);
    expect(warnings.map(({ topic, subject, mode }) => [topic, subject, mode])).toEqual([
      ['us.a', 'a-value', 'NONE'],
      ['us.b', 'b-value', 'FORWARD_TRANSITIVE'],
    ]);
    expect(warnings[0]?.meaning).toContain('change the type of any field');
    expect(warnings[1]?.meaning).toContain('writers change before their readers');
  });

  it('is the registry’s own where a subject has none, asked for once', async () => {
    const { warnings, asked } = await warned([
      [undefined, 'FORWARD'],
      ['b-value', 'BACKWARD'],
    ]);
    expect(warnings.map(({ subject }) => subject)).toEqual(['a-value', 'c-value']);
    expect(asked).toEqual(['a-value', 'all', 'b-value', 'c-value']);
  });

  it.each([['BACKWARD'], ['FULL_TRANSITIVE'], ['toString']])('is not worth a word when it is %s, or none', async (mode) => {
    expect((await warned([[undefined, mode]])).warnings).toEqual([]);
    expect((await warned([])).warnings).toEqual([]);
  });
});
