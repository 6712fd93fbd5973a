import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { YoungGarbage } from '../../../src/kafka/young-garbage.ts';
import { repositoryRoot } from '../../rig/paths.ts';

const MIB = 2 ** 20;

describe('YoungGarbage', () => {
  it('collects once for each eight MiB that were answered', () => {
    let collected = 0;
    const garbage = new YoungGarbage(() => collected++);
    for (let answers = 0; answers < 15; answers++) garbage.left(MIB);
    expect(collected).toBe(1);
    garbage.left(MIB);
    garbage.left(100 * MIB);
    expect(collected, 'what is above is not owed').toBe(3);
  });

  it('needs what launcher and image start Node with', () => {
    for (const file of ['src/farshore', 'deploy/docker/Dockerfile']) {
      expect(readFileSync(join(repositoryRoot, file), 'utf8'), file).toMatch(/--heap-growing-percent=60\W+--expose-gc/);
    }
  });
});
