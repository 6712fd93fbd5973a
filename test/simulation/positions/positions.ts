import fc from 'fast-check';
import { Reached, type Simulation } from '../simulation.ts';
import { commitFates } from './region-log.ts';
import { type Change, type History, PARTITIONS, type Step, World } from './world.ts';

const partition = fc.nat({ max: PARTITIONS - 1 });
const keys = fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 4 });
const change = <T extends Change>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary });
const op = <T extends Change['op']>(name: T) => fc.constant(name);

const changes: fc.Arbitrary<Change> = fc.oneof(
  change(12, fc.record({ op: op('append'), partition, keys })),
  change(5, fc.record({ op: op('write_in_transaction'), partition, keys })),
  change(5, fc.record({ op: op('end_transaction'), partition, outcome: fc.constantFrom('committed' as const, 'aborted' as const) })),
  change(3, fc.record({ op: op('compact'), partition })),
  change(2, fc.record({ op: op('retention'), partition, batches: fc.integer({ min: 1, max: 4 }) })),
  change(3, fc.record({ op: op('cut'), partition, at: fc.nat({ max: 9 }), refill: fc.array(fc.nat({ max: 3 }), { maxLength: 8 }) })),
  change(1, fc.record({ op: op('recreate') })),
  change(1, fc.record({ op: op('lose_position'), partition })),
  change(1, fc.record({ op: op('cut_region'), partition, by: fc.integer({ min: 1, max: 6 }), isIdle: fc.boolean() })),
  change(2, fc.record({ op: op('crash') })),
  change(
    2,
    fc.record({ op: op('old_answers'), read: fc.nat({ max: 12 }), step: fc.nat({ max: 6 }), crashes: fc.boolean(), isOpen: fc.boolean() }),
  ),
  change(1, fc.record({ op: op('zombie') })),
  change(2, fc.record({ op: op('pause'), partition })),
  change(
    4,
    fc.record({
      op: op('resume'),
      partition,
      from: fc.constantFrom('earliest' as const, 'some' as const, 'inside' as const, undefined),
      acceptLoss: fc.boolean(),
      acceptRewind: fc.boolean(),
      acceptRecreated: fc.constantFrom(true, false, false),
    }),
  ),
);

const step: fc.Arbitrary<Step> = fc.record({
  changes: fc.array(changes, { maxLength: 3 }),
  answer: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('whole' as const, 'one_batch' as const) },
    {
      weight: 4,
      arbitrary: fc.constantFrom('starved' as const, 'leader_moved' as const, 'epochs_forgotten' as const, 'unreachable' as const),
    },
  ),
});

const history: fc.Arbitrary<History> = fc.record({
  compacted: fc.boolean(),
  onTruncated: fc.constantFrom('stop', 'stop', 'earliest'),
  onRecreated: fc.constantFrom('stop', 'stop', 'restart'),
  shownBy: fc.constantFrom('both' as const, 'log' as const),
  steps: fc.array(step, { minLength: 3, maxLength: 24 }),
  fates: fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant('done' as const) }, fc.constantFrom(...commitFates)), { maxLength: 20 }),
  isShared: fc.boolean(),
});

const places = [
  ...[
    'mirrored',
    'cut',
    'recreated',
    'crashed',
    'zombie',
    'fenced',
    'transaction_unknown',
    'batch_refused',
    'resumed',
    'paused',
    'given_up',
    'position_old',
    'shared',
  ],
  ...['source_truncated', 'source_diverged', 'source_recreated', 'position_missing', 'region_truncated'],
];

export const positions: Simulation = {
  name: 'positions',
  judges: 'the mirror loses no record, brings none twice, skips none silently: C5, C6, C8, C9, C10',
  shortRuns: 300,
  create: () => {
    const reached = new Reached(places);
    const property = fc.asyncProperty(history, async (one) => {
      const world = new World(one);
      await world.play();
      for (const place of places) reached.note(place, world.happened.has(place));
    });
    return { property, reached, leastShare: 0.005 };
  },
};
