import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { Clock } from '../model/clock.ts';
import type { KafkaError } from './errors.ts';
import type { SaslOptions } from './login.ts';

/** What a connection shows of itself and trusts. */
export interface Credentials {
  readonly tls?: TlsOptions | undefined;
  readonly sasl?: SaslOptions | undefined;
}

export interface ConnectionSettings {
  /** Names the cluster in messages: `primary us-east`. */
  readonly name: string;
  readonly clientId: string;
  /** Asked for every connection; left out: no TLS and no login. */
  readonly credentials?: (() => Credentials) | undefined;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  /**
   * Told when a connection that has to be replaced could not be: the broker refused the new one, and the old one is used on.
   * Once for each connection.
   */
  readonly observeNotRenewed?: ((error: KafkaError) => void) | undefined;
}
