import { describe, expect, it } from 'vitest';
import { demoOptions } from '../../../scripts/demo-parts/options.ts';

describe('options of the demo', () => {
  it.each(['poison', 'shadow', 'divergence'])('--break %s is shown live, and with --check it ends by itself', (broken) => {
    expect(demoOptions(['--break', broken])).toMatchObject({ broken, check: false });
    expect(demoOptions(['--break', broken, '--check'])).toMatchObject({ broken, check: true, records: 20_000 });
  });

  it.each([
    [['--break', 'nothing'], 'knows poison, shadow and divergence, not nothing'],
    [['--break', 'shadow', '--keep'], 'does not go with --keep'],
    [['--break', 'poison', '--check', '--records', '500'], 'at least 12000'],
    [['--cutover', '--break', 'poison'], 'neither --break nor --keep'],
    [['--records', '1.5'], 'a whole number'],
    [['--sed', '7'], "Unknown option '--sed'"],
  ] as const)('%s is refused', (args, reason) => {
    expect(() => demoOptions(args)).toThrow(reason);
  });
});
