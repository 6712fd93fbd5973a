import { protocolErrorsCodesById } from '@platformatic/kafka';
import { describe, expect, it } from 'vitest';
import { KafkaError, kafkaErrorKind, kafkaErrorName, protocolError } from '../../../src/kafka/errors.ts';
import { errorCodes } from '../../../src/model/errors.ts';

describe('protocol errors', () => {
  it('have the names that Kafka gives them', () => {
    for (const [code, name] of Object.entries(protocolErrorsCodesById)) {
      expect([name, 'UNLISTED_ERROR']).toContain(kafkaErrorName(Number(code)));
    }
  });

  it.each([
    [6, 'leadership'],
    [74, 'leadership'],
    [75, 'leadership'],
    [16, 'coordinator'],
    [51, 'concurrent'],
    [47, 'fenced'],
    [90, 'fenced'],
    [29, 'denied'],
    [7, 'unknown_outcome'],
    [20, 'unknown_outcome'],
    [10, 'refused'],
    [1, 'out_of_range'],
    [100, 'unknown_topic'],
  ] as const)('error %i is %s', (code, kind) => {
    expect(kafkaErrorKind(code)).toBe(kind);
  });

  it('with a number nobody knows may have been carried out', () => {
    expect(kafkaErrorName(9_999)).toBe('UNLISTED_ERROR');
    expect(kafkaErrorKind(9_999)).toBe('unknown_outcome');
  });

  it('carry a code of Farshore, the broker’s name for it and its number', () => {
    const error = protocolError(29, 'primary: topic a cannot be read', { place: 'topic a' });
    expect(error).toBeInstanceOf(KafkaError);
    expect(error).toMatchObject({
      code: 'cluster_denied',
      kafkaError: 'TOPIC_AUTHORIZATION_FAILED',
      place: 'topic a',
      facts: { kafkaCode: 29, kafkaError: 'TOPIC_AUTHORIZATION_FAILED' },
    });
    expect(Object.keys(errorCodes)).toContain(error.code);
  });
});
