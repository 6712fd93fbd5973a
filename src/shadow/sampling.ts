/**
 * Whether a key is in the sample: the same key always is or is not, so that what was seen once can be seen again.
 * `salt` makes samples independent of each other.
 */
export const isSampled = (key: string, share: number, salt: number): boolean => share >= 1 || hash(key, salt) / 0x1_0000_0000 < share;

/** FNV-1a over UTF-16 units, mixed at the end: neighbouring keys (`/orders/1`, `/orders/2`) must not fall together. */
function hash(key: string, salt: number): number {
  let state = (0x811c9dc5 ^ salt) >>> 0;
  for (let at = 0; at < key.length; at += 1) state = Math.imul(state ^ key.charCodeAt(at), 0x01000193);
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) >>> 0;
}
