import type { FarshoreConfig, KafkaConfig } from '../config/config.ts';
import { KafkaCluster } from '../kafka/cluster.ts';
import type { SaslOptions } from '../kafka/connection.ts';
import type { Clock } from '../model/clock.ts';
import { FarshoreError } from '../model/errors.ts';
import type { Component, Observe } from '../model/events.ts';
import { pemTexts } from './tls.ts';

function cluster(name: string, component: Component, config: KafkaConfig, clock: Clock, observe: Observe): KafkaCluster {
  const { tls, sasl } = config;
  return new KafkaCluster({
    name,
    brokers: [...config.brokers],
    clientId: config.clientId,
    requestTimeoutMs: config.requestTimeoutMs,
    clock,
    observeUp: (up, reason) => observe({ type: 'component', component, up, reason }),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            ...pemTexts(tls),
            ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
          },
        }),
    ...(sasl === undefined ? {} : { sasl: saslOptions(sasl) }),
  });
}

function saslOptions({ mechanism, username, password }: NonNullable<KafkaConfig['sasl']>): SaslOptions {
  if (mechanism === 'oauthbearer') {
    throw new FarshoreError('config_invalid', 'sasl.mechanism oauthbearer is not supported by this version', {
      place: 'sasl.mechanism',
      hint: 'Use scram-sha-512, scram-sha-256, or plain inside TLS.',
    });
  }
  // Asked at each login, so that a secret that was read again counts.
  return { mechanism, username: username ?? '', password: () => password.reveal() };
}

export const primaryCluster = (config: FarshoreConfig, clock: Clock, observe: Observe): KafkaCluster =>
  cluster(`primary ${config.primary.name}`, 'primary_kafka', config.primary.kafka, clock, observe);

export const regionalCluster = (config: FarshoreConfig, clock: Clock, observe: Observe): KafkaCluster =>
  cluster(`region ${config.region}`, 'regional_kafka', config.regional.kafka, clock, observe);
