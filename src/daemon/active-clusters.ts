import type { KafkaCluster } from '../kafka/cluster.ts';
import { primaryCluster, regionalCluster } from './clusters.ts';
import { connectCluster } from './connect-cluster.ts';
import type { StageParts } from './stage-parts.ts';

/** The connections to both Kafkas of the daemon that holds the lease. */
export class ActiveClusters {
  readonly #parts: Pick<StageParts, 'current' | 'database' | 'observer' | 'clock'>;
  readonly primary: KafkaCluster;
  /** Apart from the writer's: after an unknown outcome the writer drops its connections (C9), and apply reads on. */
  readonly reader: KafkaCluster;
  readonly writer: KafkaCluster;
  #primaryConnected = false;

  constructor(parts: Pick<StageParts, 'current' | 'database' | 'observer' | 'clock'>) {
    const { current, clock, observer } = parts;
    this.#parts = parts;
    this.primary = primaryCluster(current, clock, observer.observe);
    this.reader = regionalCluster(current, clock, observer.observe);
    this.writer = regionalCluster(current, clock, observer.observe);
  }

  /** Whether the primary has ever answered. */
  readonly primaryConnected = (): boolean => this.#primaryConnected;

  async connectPrimary(stop: AbortSignal): Promise<void> {
    await connectCluster(this.primary, 'primary', this.#parts, stop);
    this.#primaryConnected = true;
  }

  async connectRegional(stop: AbortSignal): Promise<void> {
    await connectCluster(this.writer, 'regional', this.#parts, stop);
    await connectCluster(this.reader, 'regional', this.#parts, stop);
  }

  renewConnections(): void {
    for (const cluster of [this.primary, this.reader, this.writer]) cluster.renewConnections();
  }

  async close(): Promise<void> {
    await Promise.all([this.primary.close(), this.reader.close(), this.writer.close()]);
  }
}
