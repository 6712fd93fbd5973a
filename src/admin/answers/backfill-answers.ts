import { type BackfillPosition, type BackfillStatus, type BackfillView, backfillSources, backfillStates } from '../../model/backfill.ts';
import { flag, listOf, named, number, oneOf, only, orNull, shape, text, time, whole, wholeText } from './schema-of.ts';

export const backfillAnswer = named<BackfillStatus>('Backfills', {
  enabled: flag,
  backfills: listOf(
    named<BackfillView>('Backfill', {
      id: wholeText,
      table: text,
      by: text,
      from: oneOf(backfillSources),
      file: orNull(text),
      where: orNull(text),
      state: oneOf(backfillStates),
      waits: orNull(text),
      error: orNull(shape<NonNullable<BackfillView['error']>>({ code: text, message: text, hint: orNull(text) })),
      rowsRead: whole,
      rowsWritten: whole,
      rowsExpected: whole,
      rowsPerSecond: orNull(number),
      positions: listOf(shape<BackfillPosition>({ topic: text, partition: whole, homeEnd: orNull(wholeText), applied: orNull(wholeText) })),
      startedAt: time,
      endedAt: orNull(time),
    }),
  ),
});

export const backfillStarted = shape<{ readonly done: 'start'; readonly table: string; readonly id: string }>({
  done: only('start'),
  table: text,
  id: wholeText,
});

export const backfillChanged = shape<{ readonly done: 'pause' | 'resume' | 'stop'; readonly table: string }>({
  done: oneOf(['pause', 'resume', 'stop']),
  table: text,
});
