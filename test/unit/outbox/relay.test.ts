import { describe, expect, it } from 'vitest';
import type { OutboxBatch, OutboxLog, OutboxStore } from '../../../src/outbox/contracts.ts';
import { OutboxRelay } from '../../../src/outbox/relay.ts';

const never = new AbortController().signal;
const batch = (name: string): OutboxBatch => ({
  name,
  rows: [{ id: 1n, topic: 'billing', partition: undefined, key: null, value: null, headers: {}, attempts: 0 }],
});

/** The table and Kafka, which outlast the daemon. */
class World {
  readonly sent: string[] = [];
  readonly settled: string[] = [];
  open: OutboxBatch | undefined;
  homeIsHere = true;
  dies: 'before_mark' | undefined;

  relay(): OutboxRelay {
    const store: Pick<OutboxStore, 'claim' | 'published'> = {
      claim: async () => (this.homeIsHere ? this.open : undefined),
      published: async (name) => {
        if (this.dies === 'before_mark') throw new Error('killed');
        this.settled.push(name);
        this.open = undefined;
      },
    };
    const log: OutboxLog = { open: async () => this.sent.at(-1), publish: async ({ name }) => void this.sent.push(name) };
    return new OutboxRelay(store as OutboxStore, log, 100, () => undefined);
  }
}

describe('the relay of the outbox', () => {
  it('does not send a batch twice that was committed before a kill and whose topic was at home elsewhere meanwhile', async () => {
    const world = new World();
    world.open = batch('b');
    world.dies = 'before_mark';
    await expect(world.relay().turn(never)).rejects.toThrow('killed');
    world.dies = undefined;
    world.homeIsHere = false;
    const restarted = world.relay();
    expect([await restarted.turn(never), await restarted.turn(never)]).toEqual([{ kind: 'idle' }, { kind: 'idle' }]);
    world.homeIsHere = true;
    expect(await restarted.turn(never)).toEqual({ kind: 'published', rows: 1 });
    expect([world.sent, world.settled]).toEqual([['b'], ['b']]);
    world.open = batch('c');
    await restarted.turn(never);
    expect([world.sent, world.settled]).toEqual([
      ['b', 'c'],
      ['b', 'c'],
    ]);
  });
});
