import { describe, expect, it } from 'vitest';
import { protocolError } from '../../../src/kafka/errors.ts';
import { mayOpenAgain, transactionFailure, wasNotTaken } from '../../../src/kafka/transactions-outcome.ts';

const answered = (code: number) => protocolError(code, 'asking');

describe('what a failed transaction means', () => {
  it('C9: only answers that prove the request was not taken are asked again', () => {
    expect([51, 14, 16].map((code) => wasNotTaken(answered(code)))).toEqual([true, true, true]);
    for (const code of [-1, 6, 7, 13, 15, 19, 20, 45, 46, 47, 48, 52, 59, 90, 120, 9_999])
      expect(wasNotTaken(answered(code)), `${code}`).toBe(false);
    expect(wasNotTaken(new Error('socket hang up'))).toBe(false);
  });

  it('opening is asked again while the coordinator comes up', () => {
    for (const code of [14, 15, 16, 51]) expect(mayOpenAgain(answered(code)), `${code}`).toBe(true);
    for (const code of [-1, 47, 53, 90]) expect(mayOpenAgain(answered(code)), `${code}`).toBe(false);
  });

  it('a batch the broker will not take stays batch_refused with its facts', () => {
    for (const code of [2, 10, 18, 32, 43, 76, 87]) {
      expect(transactionFailure(answered(code), 'id'), `${code}`).toMatchObject({ code: 'batch_refused', facts: { kafkaCode: code } });
    }
  });

  it('a newer epoch is fenced, a missing right is denied', () => {
    expect([47, 90].map((code) => transactionFailure(answered(code), 'id').code)).toEqual(['fenced', 'fenced']);
    expect([29, 30, 53].map((code) => transactionFailure(answered(code), 'id').code)).toEqual(Array(3).fill('cluster_denied'));
  });

  it('C9: everything else leaves the outcome unknown', () => {
    for (const code of [-1, 3, 6, 7, 13, 15, 16, 19, 20, 45, 46, 48, 49, 51, 59, 120, 9_999]) {
      expect(transactionFailure(answered(code), 'id').code, `${code}`).toBe('transaction_unknown');
    }
    expect(transactionFailure(new Error('socket hang up'), 'id').code).toBe('transaction_unknown');
  });
});
