import { describe, expect, it } from 'vitest';
import { Slots } from '../../../src/apply/slots.ts';
import { TurnSlot } from '../../../src/apply/turn-slot.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { regionalOffset } from '../../../src/model/offsets.ts';
import { TestDecoders, type TestRecord, testBatch } from './log-double.ts';
import { eventually, fastClock, generationsOf, order, rigOf, thingFields, topicId } from './stage-doubles.ts';

/** All that is due now has been done. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Whether a slot can be had now; it is given back, also where it is had later. */
async function isFree(slots: Slots): Promise<boolean> {
  const entered = slots.enter().then(() => slots.leave());
  return await Promise.race([entered.then(() => true), settled().then(() => false)]);
}

describe('the slot of a turn', () => {
  it('is free while the turn sleeps, and had again before it goes on', async () => {
    const slots = new Slots(1);
    const slot = await TurnSlot.enter(slots);
    expect(slots.contended).toBe(false);
    const nap = Promise.withResolvers<void>();
    let awake = false;
    const sleeping = slot.asleep(() => nap.promise).then(() => (awake = true));
    await slots.enter();
    nap.resolve();
    await settled();
    expect(awake).toBe(false);
    slots.leave();
    await sleeping;
    slot.leave();
    expect(await isFree(slots)).toBe(true);
  });

  it('is balanced when a sleep is aborted: nothing is left twice, nothing goes on without it', async () => {
    const slots = new Slots(1);
    const slot = await TurnSlot.enter(slots);
    const stop = new AbortController();
    const sleep = () => new Promise<void>((_, reject) => stop.signal.addEventListener('abort', () => reject(stop.signal.reason)));
    const sleeping = slot.asleep(sleep).catch((error: unknown) => error);
    stop.abort(new Error('stopped'));
    expect(await sleeping).toEqual(new Error('stopped'));
    slot.leave();
    await slots.enter();
    expect(slots.contended).toBe(false);
    void slots.enter();
    expect(slots.contended).toBe(true);
  });

  it('stays while a transaction beside the sleeping turn works, and while the turn works beside a sleeping transaction', async () => {
    const slots = new Slots(1);
    const slot = await TurnSlot.enter(slots);
    const [naps, works] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const sent = slot.beside(async () => {
      await works.promise;
      await slot.asleep(() => naps.promise);
      return 'sent';
    });
    const planning = Promise.withResolvers<void>();
    const plan = slot.asleep(() => planning.promise);
    expect(await isFree(slots)).toBe(false);
    planning.resolve();
    await plan;
    works.resolve();
    await settled();
    // The transaction sleeps; the turn does not.
    expect(await isFree(slots)).toBe(false);
    const joined = slot.join(sent);
    await settled();
    expect(slots.contended).toBe(false);
    naps.resolve();
    expect(await joined).toBe('sent');
    slot.leave();
    expect(await isFree(slots)).toBe(true);
  });

  it('is free while the turn sleeps and what ran beside it is over, and while both sleep; both wake with one', async () => {
    const slots = new Slots(1);
    const slot = await TurnSlot.enter(slots);
    await slot.join(slot.beside(async () => undefined));
    const [one, other] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const sent = slot.beside(() => slot.asleep(() => one.promise));
    const plan = slot.asleep(() => other.promise);
    await slots.enter();
    one.resolve();
    other.resolve();
    await settled();
    slots.leave();
    await Promise.all([plan, sent]);
    expect(await isFree(slots)).toBe(false);
    slot.leave();
    expect(await isFree(slots)).toBe(true);
  });
});

describe('a partition whose attempts fail for long', () => {
  const record = (offset: bigint, schema: string): TestRecord => ({ offset, schema, value: { id: offset, name: schema } });
  const orders = order(
    'things',
    generationsOf([
      [0, 0n],
      [1, 0n],
    ]),
  );

  it('for a schema that cannot be loaded leaves its slot to the others: one topic held up all tables while the registry was away', async () => {
    const away = new FarshoreError('registry_unreachable', 'away');
    const decoders = new TestDecoders(new Map(['1', '2'].map((ref) => [ref, thingFields])));
    const load = decoders.load.bind(decoders);
    let isAway = true;
    decoders.load = async (ref: string) => {
      if (ref === '2' && isAway) throw away;
      return await load(ref);
    };
    const rig = rigOf({ connections: 1 }, { decoders });
    rig.orders.set('things', orders);
    rig.source.append('things', 0, testBatch([record(0n, '2')]));
    rig.source.append('things', 1, testBatch([record(0n, '1'), record(1n, '1')]));
    void rig.start();
    await eventually(() => expect(rig.events.filter(({ type }) => type === 'apply_retried').length).toBeGreaterThan(2));
    await eventually(() => expect(rig.database.next('things', 1)).toBe(2n));
    expect(rig.database.next('things', 0)).toBe(0n);
    isAway = false;
    await eventually(() => expect(rig.database.next('things', 0)).toBe(1n));
  });

  it('for a lock that is not to be had (55P03) leaves its slot too', async () => {
    const rig = rigOf({ connections: 1 }, { clock: fastClock });
    rig.orders.set('things', orders);
    rig.source.append('things', 0, testBatch([{ ...record(0n, '1'), value: { id: 0n, name: 'held' } }]));
    rig.source.append('things', 1, testBatch([{ ...record(7n, '1'), value: { id: 7n, name: 'free' } }]));
    rig.database.positions.set('things:1', {
      ...{ topic: 'things', partition: 1, topicId, next: regionalOffset(7n) },
      ...{ leaderEpoch: -1, crc: undefined },
    });
    let locked = true;
    let failures = 0;
    rig.database.beforeCommit = (rows) => {
      if (locked && rows.some((row) => row[1] === 'held') && ++failures > 0)
        throw new FarshoreError('database_unreachable', 'lock timeout', { facts: { outcome: 'not_applied', sqlState: '55P03' } });
    };
    void rig.start();
    await eventually(() => expect(failures).toBeGreaterThan(2));
    await eventually(() => expect(rig.database.next('things', 1)).toBe(8n));
    expect(rig.database.next('things', 0)).toBe(0n);
    locked = false;
    await eventually(() => expect(rig.database.next('things', 0)).toBe(1n));
  });
});
