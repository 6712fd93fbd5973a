import type { Clock } from '../model/clock.ts';
import type { FarshoreEvent } from '../model/events.ts';
import type { EventFeedView, ToldEvent } from '../model/live.ts';
import { levelOf } from './log.ts';
import { toldEvent } from './told-event.ts';

const KEPT = 500;
/** What comes again among so many is counted at its first place's number: a primary that is away would fill the list with one line. */
const LOOKED_BACK = 25;

/** The last events that people read; the flow of records is not among them. */
export class EventFeed implements EventFeedView {
  readonly #clock: Clock;
  readonly #recent: ToldEvent[] = [];
  readonly #listeners = new Set<(event: ToldEvent) => void>();
  #id = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  recent(): readonly ToldEvent[] {
    return [...this.#recent];
  }

  subscribe(listener: (event: ToldEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  take(event: FarshoreEvent): void {
    const level = levelOf(event);
    if (level === 'debug') return;
    const [message, at] = [toldEvent(event), new Date(this.#clock.wallMs()).toISOString()];
    const told = { ...(this.#again(event.type, message) ?? { id: ++this.#id, firstAt: at, times: 0 }), level, type: event.type, message };
    const counted: ToldEvent = { ...told, lastAt: at, times: told.times + 1 };
    this.#recent.push(counted);
    if (this.#recent.length > KEPT) this.#recent.shift();
    for (const listener of this.#listeners) listener(counted);
  }

  /** Takes the same event of a moment ago out of the list. */
  #again(type: string, message: string): ToldEvent | undefined {
    const from = Math.max(0, this.#recent.length - LOOKED_BACK);
    const index = this.#recent.findIndex((one, at) => at >= from && one.type === type && one.message === message);
    return index === -1 ? undefined : this.#recent.splice(index, 1)[0];
  }
}
