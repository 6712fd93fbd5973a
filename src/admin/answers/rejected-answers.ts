import type { RejectedDetail, RejectedRecord, RetryCounts } from '../../model/rejected.ts';
import { errorCode } from './error-answers.ts';
import { listOf, named, only, orNull, type SchemaOf, shape, text, time, whole, wholeText } from './schema-of.ts';

const record = {
  id: wholeText,
  topic: text,
  partition: whole,
  offset: wholeText,
  table: text,
  waitsFor: orNull(text),
  reason: errorCode,
  sqlState: orNull(text),
  message: text,
  attempts: whole,
  firstSeen: time,
  lastSeen: time,
} as const;

export const rejectedAnswer = shape<{ readonly rejected: readonly RejectedRecord[] }>({
  rejected: listOf(named<RejectedRecord>('RejectedRecord', record)),
});

const base64: SchemaOf<string> = { type: 'string', contentEncoding: 'base64' };
export const rejectedRecordAnswer = named<RejectedDetail>('RejectedDetail', {
  ...record,
  timestampMs: whole,
  homeEpoch: whole,
  generation: whole,
  key: orNull(base64),
  value: orNull(base64),
  headers: base64,
  headerCount: whole,
});

export const retriedAnswer = shape<RetryCounts & { readonly done: 'retry' }>({
  done: only('retry'),
  applied: whole,
  superseded: whole,
  rejected: whole,
});
export const discardedAnswer = shape<{ readonly done: 'discard'; readonly discarded: number }>({ done: only('discard'), discarded: whole });
