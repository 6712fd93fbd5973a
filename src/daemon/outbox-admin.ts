import type { OutboxSource } from '../admin/outbox-routes.ts';
import { FarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import type { OutboxFilter, OutboxListRequest, OutboxRowView, OutboxStatus } from '../model/outbox.ts';
import type { Database } from '../postgres/database.ts';
import { type OutboxRows, outboxRows } from '../postgres/outbox-rows.ts';

/** What the relay of an active daemon tells. */
export interface RelayView {
  readonly relaying: boolean;
  readonly listening: boolean;
}

/** The outbox as the API sees it, on the active daemon and on those that stand by. */
export class OutboxAdmin implements OutboxSource {
  readonly #region: string;
  readonly #rows: OutboxRows;
  readonly #relay: () => RelayView | undefined;
  readonly #observe: Observe;

  /** `relay` answers undefined on a daemon that stands by. */
  constructor(region: string, database: Database, relay: () => RelayView | undefined, observe: Observe) {
    this.#region = region;
    this.#rows = outboxRows(database, region);
    this.#relay = relay;
    this.#observe = observe;
  }

  async status(signal: AbortSignal): Promise<OutboxStatus> {
    const topics = await this.#rows.topics(signal);
    const { relaying, listening } = this.#relay() ?? { relaying: false, listening: false };
    const sum = (of: (topic: (typeof topics)[number]) => number): number => topics.reduce((all, topic) => all + of(topic), 0);
    return {
      relaying,
      listening,
      unpublished: sum(({ unpublished }) => unpublished),
      held: sum(({ home, unpublished }) => (home === this.#region ? 0 : unpublished)),
      refused: sum(({ refused }) => refused),
      oldestSeconds: topics.length === 0 ? null : Math.max(...topics.map(({ oldestSeconds }) => oldestSeconds)),
      topics,
    };
  }

  async rows(request: OutboxListRequest, signal: AbortSignal): Promise<readonly OutboxRowView[]> {
    return await this.#rows.list(request, signal);
  }

  async retry(filter: OutboxFilter, by: string, signal: AbortSignal): Promise<number> {
    this.#needActive('sends rows again');
    return await this.#rows.retry(filter, by, signal);
  }

  async discard(filter: OutboxFilter, by: string, signal: AbortSignal): Promise<number> {
    this.#needActive('gives rows up');
    const rows = await this.#rows.discard(filter, by, signal);
    this.#observe({ type: 'outbox_discarded', by, rows });
    return rows;
  }

  #needActive(what: string): void {
    if (this.#relay() !== undefined) return;
    throw new FarshoreError('request_invalid', `This daemon stands by; only the active one ${what}`, { hint: 'Ask the active daemon.' });
  }
}
