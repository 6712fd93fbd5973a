import { describe, expect, it } from 'vitest';
import type { PublishedHome } from '../../../src/mirror/contracts.ts';
import { epochStarts } from '../../../src/mirror/epoch-starts.ts';
import type { Look } from '../../../src/mirror/look.ts';

const routes = [{ home: 'orders', regional: 'us.orders' }];
const told: PublishedHome = { home: 'us', epoch: 3, fromOffsets: new Map([[0, 7n]]), topicId: 'A' };

/** Where partition 0 begins, of a topic that has the id `A` at home. */
const startOf = (atHome: Partial<PublishedHome>, inRegion: Partial<PublishedHome> = {}) => {
  const look = {
    home: new Map([['orders', { topic: 'orders', topicId: 'A', partitions: [] }]]),
    publishedAtHome: new Map([['orders', { ...told, ...atHome }]]),
    publishedInRegion: new Map([['us.orders', { ...told, ...inRegion }]]),
  } as unknown as Look;
  return epochStarts(look, routes, 'us').get('orders')?.get(0);
};

describe('epochStarts', () => {
  it('C3: begins an epoch where both clusters tell that it began', () => {
    expect(startOf({})).toBe(7n);
    expect(startOf({}, { epoch: 2 })).toBeUndefined();
    expect(startOf({}, { home: 'eu' })).toBeUndefined();
    expect(startOf({ fromOffsets: undefined })).toBeUndefined();
  });

  it('C6: a topic that was created again begins at its own start: what it holds below would be left out, and nobody told', () => {
    expect(startOf({ topicId: 'B' })).toBeUndefined();
  });

  it('takes the offsets of an older version, which tells no log, for those of the log that is there', () => {
    expect(startOf({ topicId: undefined })).toBe(7n);
  });
});
