import { describe, expect, it } from 'vitest';
import { sqlStateMeaning } from '../../../src/postgres/sqlstate.ts';

describe('sqlStateMeaning', () => {
  it.each([
    ['08006', 'retry', 'database_unreachable', true],
    ['40001', 'retry', 'database_unreachable', false],
    ['40P01', 'retry', 'database_unreachable', false],
    ['53300', 'retry', 'database_unreachable', false],
    ['55P03', 'retry', 'database_unreachable', false],
    ['57014', 'retry', 'database_unreachable', false],
    ['57P01', 'retry', 'database_unreachable', true],
    ['57P03', 'retry', 'database_unreachable', true],
    ['25006', 'retry', 'database_unreachable', true],
    ['25P03', 'retry', 'database_unreachable', true],
    ['58030', 'retry', 'database_unreachable', true],
    ['26000', 'retry', 'database_unreachable', true],
    ['28P01', 'retry', 'database_auth_failed', true],
    ['28000', 'retry', 'database_auth_failed', true],
    ['22003', 'reject', 'row_refused', false],
    ['22021', 'reject', 'row_refused', false],
    ['23502', 'reject', 'row_refused', false],
    ['23505', 'reject', 'row_refused', false],
    ['40002', 'reject', 'row_refused', false],
    ['P0001', 'reject', 'row_refused', false],
    ['42P01', 'stop', 'table_missing', false],
    ['42703', 'stop', 'table_mismatch', false],
    ['42501', 'stop', 'database_denied', false],
    ['0A000', 'stop', 'table_mismatch', false],
    ['XX000', 'stop', 'row_refused', false],
    ['ZZ999', 'stop', 'row_refused', false],
    ['21000', 'halt', 'internal', false],
    ['FS001', 'halt', 'fenced', false],
    ['FS002', 'halt', 'position_moved', false],
    ['FS004', 'stop', 'table_mismatch', false],
    ['FS005', 'halt', 'internal', false],
  ])('%s means %s %s', (sqlState, action, code, sessionLost) => {
    expect(sqlStateMeaning(sqlState)).toEqual({ action, code, sessionLost });
  });

  it('retries a plan that an ALTER TABLE made stale, in a new session', () => {
    expect(sqlStateMeaning('0A000', 'RevalidateCachedQuery')).toEqual({ action: 'retry', code: 'database_unreachable', sessionLost: true });
  });
});
