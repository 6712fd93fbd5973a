import type { FarshoreConfig, KafkaConfig, SaslConfig } from '../config/config.ts';
import { KafkaCluster } from '../kafka/cluster.ts';
import type { SaslOptions } from '../kafka/login.ts';
import type { Clock } from '../model/clock.ts';
import type { Component, Observe } from '../model/events.ts';
import { tlsOptions } from './tls.ts';
import { readToken } from './token.ts';

/** The configuration of this moment: credentials are asked for at each connect, all else once. */
export type CurrentConfig = () => FarshoreConfig;

function cluster(name: string, component: Component, current: () => KafkaConfig, clock: Clock, observe: Observe): KafkaCluster {
  const { brokers, clientId, rack, requestTimeoutMs } = current();
  return new KafkaCluster({
    name,
    brokers: [...brokers],
    clientId,
    rack,
    requestTimeoutMs,
    clock,
    observeUp: (up, reason) => observe({ type: 'component', component, up, reason }),
    observeNotRenewed: ({ code, message, hint }) => observe({ type: 'login_not_renewed', component, code, message, hint }),
    credentials: () => {
      const { tls, sasl } = current();
      return { tls: tls && tlsOptions(tls), sasl: sasl && saslOptions(sasl) };
    },
  });
}

function saslOptions(sasl: SaslConfig): SaslOptions {
  const { mechanism, username, password } = sasl;
  return mechanism === 'oauthbearer'
    ? { mechanism, token: () => readToken(sasl) }
    : { mechanism, username: username ?? '', password: password?.reveal() ?? '' };
}

export const primaryCluster = (current: CurrentConfig, clock: Clock, observe: Observe): KafkaCluster =>
  cluster(`primary ${current().primary.name}`, 'primary_kafka', () => current().primary.kafka, clock, observe);

export const regionalCluster = (current: CurrentConfig, clock: Clock, observe: Observe): KafkaCluster =>
  cluster(`region ${current().region}`, 'regional_kafka', () => current().regional.kafka, clock, observe);
