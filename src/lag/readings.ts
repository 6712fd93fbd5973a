/** Something read at a time; in a list, later ones have later times. */
export interface Timed {
  readonly atMs: number;
}

/** Readings kept a partition and stage. More would make the lag of a long backlog finer. */
export const MAX_READINGS = 128;

/**
 * Keeps a list of readings within its bound. Leaving a reading out can only make the lag larger, since the next
 * older one counts in its place. The one goes that is missed least: whose neighbours stand closest together for
 * their age, so that gaps grow with age and the lag is coarse by about the same part at ten seconds and at ten hours.
 * The oldest and the newest stay.
 */
export function thin(readings: Timed[]): void {
  while (readings.length > MAX_READINGS) {
    const newestMs = readings.at(-1)!.atMs;
    let least = 1;
    let leastGap = Number.POSITIVE_INFINITY;
    for (let index = 1; index < readings.length - 1; index++) {
      const before = readings[index - 1]!.atMs;
      const gap = (readings[index + 1]!.atMs - before) / (newestMs - before);
      if (gap < leastGap) {
        least = index;
        leastGap = gap;
      }
    }
    readings.splice(least, 1);
  }
}
