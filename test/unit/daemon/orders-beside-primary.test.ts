import { describe, expect, it } from 'vitest';
import { orderAt } from '../../../src/apply/order-at.ts';
import { ordersBesidePrimary } from '../../../src/daemon/orders-beside-primary.ts';
import type { PublishedHome } from '../../../src/mirror/contracts.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { regionalOffset } from '../../../src/model/offsets.ts';
import { generationsOf, order } from '../apply/stage-doubles.ts';

const never = new AbortController().signal;
const clock = { sleep: () => new Promise<void>(() => {}) };
/** Beside the primary `us`: the region `eu` was home from offset 4 on, as the ledger knows. */
const known = order('t', generationsOf([[0, 0n]]), [
  { epoch: 1, home: 'us', starts: new Map() },
  { epoch: 2, home: 'eu', starts: new Map([[0, 4n]]) },
]);
const us = (epoch: number, from: bigint): PublishedHome => ({ home: 'us', epoch, fromOffsets: new Map([[0, from]]), topicId: undefined });
const eu = (epoch: number, from: bigint): PublishedHome => ({ home: 'eu', epoch, fromOffsets: new Map([[0, from]]), topicId: undefined });

/** What is decided of offset 9, and whether the other cluster was asked. */
async function decided(here: PublishedHome | undefined, there: PublishedHome | undefined) {
  let asked = 0;
  const homes = (published: PublishedHome | undefined, note = () => {}) => ({
    read: async () => {
      note();
      return new Map(published === undefined ? [] : [['t', published]]);
    },
  });
  const orders = ordersBesidePrimary({ load: async () => [known] }, { here: homes(here), there: homes(there, () => asked++) }, 'us', clock);
  const [found] = await orders.load(['t'], never);
  const { kind } = orderAt(found, 0, 9n, new Map([[0, regionalOffset(9n)]]), 'us');
  return { kind, asked };
}

describe('ordersBesidePrimary', () => {
  it('C3: passes the primary’s own records after a revert, and asks the other cluster then only', async () => {
    expect(await decided(us(3, 9n), us(3, 9n))).toEqual({ kind: 'pass', asked: 1 });
    expect(await decided(us(3, 9n), eu(2, 0n)), 'told here first').toEqual({ kind: 'pass', asked: 1 });
    expect(await decided(eu(2, 4n), us(3, 9n)), 'not opened before it is told here').toEqual({ kind: 'apply', asked: 0 });
    expect(await decided(undefined, undefined)).toEqual({ kind: 'apply', asked: 0 });
  });

  it('C24: passes nothing that the region wrote after a revert that fell back, which the own cluster is told of last', async () => {
    expect((await decided(us(3, 9n), eu(4, 0n))).kind).toBe('wait');
  });

  it('waits for the ledger where the region is home again, whatever the other cluster still says', async () => {
    expect((await decided(eu(4, 0n), us(3, 9n))).kind).toBe('wait');
    expect((await decided(eu(4, 0n), eu(4, 0n))).kind).toBe('wait');
  });

  it('waits while a cluster does not answer or cannot be read, and neither fails nor hangs', async () => {
    const publishing = (read: () => Promise<ReadonlyMap<string, PublishedHome>>) => ({ read });
    const own = publishing(async () => new Map([['t', us(3, 9n)]]));
    const waits = async (there: { read(): Promise<ReadonlyMap<string, PublishedHome>> }, here = own, timers = clock) => {
      const [found] = await ordersBesidePrimary({ load: async () => [known] }, { here, there }, 'us', timers).load(['t'], never);
      return orderAt(found, 0, 9n, new Map([[0, regionalOffset(9n)]]), 'us');
    };
    const failing = (code: 'cluster_denied' | 'broker_request_failed' | 'request_invalid') =>
      publishing(() => Promise.reject(new FarshoreError(code, `no: ${code}`)));
    for (const code of ['cluster_denied', 'broker_request_failed', 'request_invalid'] as const) {
      expect(await waits(failing(code))).toMatchObject({ kind: 'wait', reason: expect.stringContaining(`no: ${code}`) });
      expect(await waits(own, failing(code))).toMatchObject({ kind: 'wait', reason: expect.stringContaining(`no: ${code}`) });
    }
    const silent = publishing(() => new Promise(() => {}));
    expect(await waits(silent, own, { sleep: async () => undefined })).toMatchObject({
      kind: 'wait',
      reason: expect.stringContaining('no answer within'),
    });
    await expect(waits(publishing(() => Promise.reject(new Error('a fault of ours'))))).rejects.toThrow('a fault of ours');
  });
});
