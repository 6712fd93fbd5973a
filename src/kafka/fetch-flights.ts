import type { FetchedPartition, FetchTarget } from '../model/fetch.ts';
import { partitionKey } from './offsets.ts';

type Answers = readonly FetchedPartition[];

interface Flight {
  readonly signal: AbortSignal;
  readonly targets: readonly FetchTarget[];
  /** Rejects only with the signal's reason. */
  readonly answers: Promise<Answers>;
  landed: Answers | undefined;
}

/**
 * Fetches that are under way, one a broker. A broker with nothing new holds its answer back for as long as it was told to; the others'
 * answers are not kept waiting for it, and it is not asked again. What it says in the end is handed out by a later call, to
 * whom it still concerns.
 */
export class FetchFlights {
  readonly #byBroker = new Map<number, Flight>();

  /**
   * The fetch that is under way at a broker, when everything it asked for is still wanted from the very same place. Else it is
   * forgotten: its answer is for positions that nobody stands at any more. A partition that is wanted beside them is asked for
   * when it has landed, so that an answer to one partition always means that this one was asked for alone (C8).
   */
  continued(brokerId: number, wanted: readonly FetchTarget[], signal: AbortSignal): Flight | undefined {
    const flight = this.#byBroker.get(brokerId);
    if (flight === undefined) return undefined;
    const byPartition = new Map(wanted.map((target) => [partitionKey(target.topic, target.partition), target]));
    const holds = flight.targets.every((asked) => isSamePlace(asked, byPartition.get(partitionKey(asked.topic, asked.partition))));
    if (holds && flight.signal === signal) return flight;
    this.#byBroker.delete(brokerId);
    flight.answers.then(releaseAll, () => undefined);
    return undefined;
  }

  begin(brokerId: number, targets: readonly FetchTarget[], signal: AbortSignal, answers: Promise<Answers>): Flight {
    const flight: Flight = {
      signal,
      targets,
      answers,
      landed: undefined,
    };
    // Whoever waits sees the failure; without a waiter it is no unhandled rejection.
    answers.then(
      (landed) => {
        flight.landed = landed;
      },
      () => undefined,
    );
    this.#byBroker.set(brokerId, flight);
    return flight;
  }

  /** Waits until one of them has landed, and hands out all that have. Rejects with the signal's reason. */
  async landed(flights: ReadonlyMap<number, Flight>): Promise<Answers> {
    try {
      await Promise.race([...flights.values()].map(({ answers }) => answers));
    } catch (error) {
      for (const brokerId of flights.keys()) this.#byBroker.delete(brokerId);
      throw error;
    }
    const handedOut: FetchedPartition[] = [];
    for (const [brokerId, { landed }] of flights) {
      if (landed === undefined) continue;
      this.#byBroker.delete(brokerId);
      handedOut.push(...landed);
    }
    return handedOut;
  }
}

export type { Flight };

const isSamePlace = (asked: FetchTarget, wanted: FetchTarget | undefined): boolean =>
  wanted !== undefined &&
  wanted.topicId === asked.topicId &&
  wanted.offset === asked.offset &&
  wanted.lastFetchedEpoch === asked.lastFetchedEpoch;

function releaseAll(answers: Answers): void {
  for (const answer of answers) if (answer.kind === 'batches') answer.release?.();
}
