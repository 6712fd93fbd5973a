import type { RowFold } from './folded.ts';

/**
 * Puts a record into the first fold that takes it: a key that a fold cannot take further goes on in the next one, which is applied after it.
 * Other keys stay where they are, so that a batch of deletes that each come in both kinds needs two folds, not one for each. False when a
 * fold was needed and `begin` gave none; nothing is changed then.
 */
export function putInLayers(layers: RowFold[], begin: () => RowFold | undefined, put: (fold: RowFold) => boolean): boolean {
  for (let at = 0; ; at++) {
    const fold = layers[at] ?? begin();
    if (fold === undefined) return false;
    layers[at] = fold;
    // One that was just begun takes all.
    if (put(fold)) return true;
  }
}
