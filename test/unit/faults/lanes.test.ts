import { expect, it } from 'vitest';
import { lanes, trials } from '../../faults/trials.ts';

it('every trial is in one lane, so that the short run leaves none out', () => {
  expect(lanes.flat().toSorted()).toEqual(Object.keys(trials).toSorted());
});
