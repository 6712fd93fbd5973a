import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../../rig/paths.ts';
import { mutations } from '../../simulation/mutation-list.ts';

describe('faults that the simulations must catch', () => {
  it('each names code as it is: one that names older code ends the runner before those after it', () => {
    const stale = mutations.filter(({ file, from }) => !readFileSync(join(repositoryRoot, 'src', file), 'utf8').includes(from));
    expect(stale.map(({ file, from }) => `${file}: ${from}`)).toEqual([]);
  });
});
