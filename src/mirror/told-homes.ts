import type { TopicRecord } from './contracts.ts';
import type { MirrorDependencies } from './dependencies.ts';
import type { Route } from './routes.ts';

/** The ledger decides the home; `__farshore.topics` tells other daemons (C24). */
export class ToldHomes {
  readonly #deps: MirrorDependencies;
  readonly #told = new Set<string>();

  constructor(deps: MirrorDependencies) {
    this.#deps = deps;
  }

  /** Tells of every topic that is recorded, once, unless the region's topic says as much. */
  async tell(routes: readonly Route[], records: ReadonlyMap<string, TopicRecord>, signal: AbortSignal): Promise<void> {
    const due = routes.filter(({ regional }) => records.has(regional) && !this.#told.has(regional));
    if (due.length === 0) return;
    const published = await this.#deps.publishedInRegion.read(signal);
    for (const { regional } of due) {
      const record = records.get(regional);
      if (record === undefined) continue;
      const there = published.get(regional);
      if (there === undefined || there.epoch < record.homeEpoch)
        await this.#deps.publisher.publish(regional, record.home, record.homeEpoch, signal);
      this.#told.add(regional);
    }
  }
}
