import { createHash, timingSafeEqual } from 'node:crypto';

export type TokenVerdict = 'accepted' | 'changes_off' | 'missing' | 'wrong';

/** Judges an Authorization header against the token; the time it takes tells nothing about either. */
export function judgeToken(header: string | undefined, token: string | undefined): TokenVerdict {
  if (token === undefined || token === '') return 'changes_off';
  const given = /^Bearer (?<token>[\x21-\x7e]+)$/i.exec(header ?? '')?.groups?.token;
  if (given === undefined) return 'missing';
  return timingSafeEqual(digest(given), digest(token)) ? 'accepted' : 'wrong';
}

/** Digests have one length, which timingSafeEqual needs and which hides the token's. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
