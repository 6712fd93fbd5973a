import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { currentReliabilityPage, reliabilityPage, trialTitles } from '../../faults/reliability-page.ts';
import { trials } from '../../faults/trials.ts';
import type { KeptVerdict } from '../../faults/verdicts.ts';
import { repositoryRoot } from '../../rig/paths.ts';

const verdict: KeptVerdict = {
  ...{ trial: 'F2', seed: 7, full: true, lost: 1, duplicated: 2, stale: 3, cases: 50, verdict: 'fail', seconds: 12.6 },
  ...{ commit: '0123456789abcdef', changed: true, cores: 2, at: '2026-01-02T03:04:05.000Z' },
  versions: { farshore: '1', node: 'v24', kafka: '4', postgres: '18' },
};

describe('docs/reliability.md', () => {
  it('is what follows from docs/results', () => {
    expect(readFileSync(join(repositoryRoot, 'docs/reliability.md'), 'utf8')).toBe(currentReliabilityPage());
  });

  it('shows what a trial found, also when it failed, and which were not run in full', () => {
    const lines = reliabilityPage([verdict]).split('\n');
    expect(lines.find((line) => line.startsWith('| F2 |'))).toContain(
      '| 50 | 1 / 2 / 3 | fail | 13 s | 0123456 and changes, seed 7, 2026-01-02 |',
    );
    expect(lines.filter((line) => line.includes('not run in full'))).toHaveLength(Object.keys(trialTitles).length - 1);
  });

  it('knows every trial that can be run', () => {
    expect(Object.keys(trials).toSorted()).toEqual(Object.keys(trialTitles).toSorted());
  });
});
