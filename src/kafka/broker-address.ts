import { KafkaError } from './errors.ts';

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

export const addressKey = ({ host, port }: BrokerAddress): string => `${host}:${port}`;

/** `host:port`, `[::1]:9092` included. */
export function brokerAddress(cluster: string, text: string): BrokerAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port > 0 && port < 65_536)) {
    throw new KafkaError('invalid', 'INVALID_REQUEST', `${cluster}: "${text}" is not a broker address`, { hint: 'Write host:port.' });
  }
  return { host, port };
}
