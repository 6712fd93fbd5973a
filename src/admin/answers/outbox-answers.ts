import { type OutboxRowView, type OutboxStatus, type OutboxTopicView, outboxRowStates } from '../../model/outbox.ts';
import { flag, listOf, named, number, oneOf, only, orNull, shape, text, time, whole, wholeText } from './schema-of.ts';

export const outboxAnswer = named<OutboxStatus>('Outbox', {
  relaying: flag,
  listening: flag,
  unpublished: whole,
  held: whole,
  refused: whole,
  oldestSeconds: orNull(number),
  topics: listOf(shape<OutboxTopicView>({ topic: text, home: orNull(text), unpublished: whole, refused: whole, oldestSeconds: number })),
});

export const outboxRowsAnswer = shape<{ readonly rows: readonly OutboxRowView[] }>({
  rows: listOf(
    named<OutboxRowView>('OutboxRow', {
      id: wholeText,
      topic: text,
      partition: orNull(whole),
      state: oneOf(outboxRowStates),
      attempts: whole,
      nextAttemptAt: orNull(time),
      error: orNull(text),
      createdAt: time,
      bytes: whole,
    }),
  ),
});

export const outboxRetried = shape<{ readonly done: 'retry'; readonly rows: number }>({ done: only('retry'), rows: whole });
export const outboxDiscarded = shape<{ readonly done: 'discard'; readonly rows: number }>({ done: only('discard'), rows: whole });
