import { describe, expect, it } from 'vitest';
import { ReadReplicas } from '../../../src/kafka/read-replicas.ts';

describe('a replica that is near and does not answer', () => {
  it('is left to the leader for a while, which would else name it again each time and never be read', () => {
    const replicas = new ReadReplicas();
    replicas.prefer('orders', 0, 3, 0);
    expect([replicas.of('orders', 0, 1), replicas.avoids('orders', 0, 1)]).toEqual([3, false]);
    replicas.avoid('orders', 0, 10);
    expect([replicas.of('orders', 0, 11), replicas.avoids('orders', 0, 11), replicas.avoids('orders', 1, 11)]).toEqual([
      ...[undefined, true, false],
    ]);
    expect([replicas.avoids('orders', 0, 60_009), replicas.avoids('orders', 0, 60_010)]).toEqual([true, false]);
  });
});
