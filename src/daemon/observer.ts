import { measureEvent } from '../metrics/events.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Clock } from '../model/clock.ts';
import { type Component, components, type FarshoreEvent, type Observe } from '../model/events.ts';
import { EventFeed } from './event-feed.ts';
import { type Logger, logEvent } from './log.ts';

/** What events say of the daemon as a whole, for the status. */
export class Observer {
  readonly components = new Map<Component, { readonly up: boolean; readonly reason: string | undefined }>();
  mirroredRecords = 0n;
  appliedRecords = 0n;
  /** For those who look at the dashboard. */
  readonly events: EventFeed;
  readonly #metrics: Metrics;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #onTopics: () => void = () => undefined;
  #connecting = 0;

  constructor(metrics: Metrics, logger: Logger, clock: Clock) {
    this.#metrics = metrics;
    this.#logger = logger;
    this.#clock = clock;
    this.events = new EventFeed(clock);
  }

  /** Told when mirror found, grew or claimed a topic, so that apply looks at it at once. */
  onTopics(listener: () => void): void {
    this.#onTopics = listener;
  }

  /**
   * Told by who has connections of its own: the active daemon, and each shard that is worked on. When the last of them has left, nobody asks
   * what they were connected to: a cluster that was down would stay down here for good. The region's database is asked by a standby too.
   */
  connecting(): { readonly left: () => void } {
    this.#connecting++;
    let isLeft = false;
    return {
      left: () => {
        if (isLeft) return;
        isLeft = true;
        this.#connecting--;
        if (this.#connecting === 0) this.#forgetConnected();
      },
    };
  }

  #forgetConnected(): void {
    for (const component of components) {
      if (component === 'regional_database') continue;
      this.components.delete(component);
      this.#metrics.set('farshore_component_up', { component }, undefined);
    }
  }

  /** The one place where events become instruments and log lines. */
  readonly observe: Observe = (event) => {
    measureEvent(this.#metrics, event, this.#clock);
    logEvent(this.#logger, event);
    this.events.take(event);
    this.#follow(event);
  };

  #follow(event: FarshoreEvent): void {
    switch (event.type) {
      case 'component':
        this.components.set(event.component, { up: event.up, reason: event.reason });
        return;
      case 'mirror_cycle':
        for (const { records } of event.topics) this.mirroredRecords += BigInt(records);
        return;
      case 'batch_applied':
        this.appliedRecords += BigInt(event.records);
        this.#databaseAnswers(true, undefined);
        return;
      case 'apply_retried':
        // A lock that was not to be had is somebody's query, not a database that is down.
        if (event.code === 'database_unreachable' && event.sqlState !== '55P03')
          this.#databaseAnswers(false, event.sqlState ?? 'it does not answer');
        return;
      case 'topic_found':
      case 'topic_grown':
      case 'home_claimed':
      case 'generation_raised':
        this.#onTopics();
        return;
      default:
        return;
    }
  }

  #databaseAnswers(up: boolean, reason: string | undefined): void {
    if (this.components.get('regional_database')?.up !== up)
      this.observe({ type: 'component', component: 'regional_database', up, reason });
  }
}
