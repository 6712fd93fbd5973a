/**
 * Who is asked for first. A broker fills an answer in the order asked until the byte limit: a busy partition that is always first would starve
 * the others of its broker. Turns are counted a broker, by the requests it gets, and nowhere else: two rotations that go on together, one of
 * the caller's and one here, or one for all brokers where one answers every second time, bring the same partition to the front each time.
 */
export class FetchTurns {
  readonly #turns = new Map<number, number>();

  /** The same parts, begun at the next one. */
  inTurn<T>(brokerId: number, parts: readonly T[]): readonly T[] {
    if (parts.length < 2) return parts;
    const turn = this.#turns.get(brokerId) ?? 0;
    this.#turns.set(brokerId, turn + 1);
    const first = turn % parts.length;
    return first === 0 ? parts : [...parts.slice(first), ...parts.slice(0, first)];
  }
}
