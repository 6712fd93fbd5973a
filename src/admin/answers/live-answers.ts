import { eventLevels, type ToldEvent } from '../../model/live.ts';
import { listOf, named, oneOf, type SchemaOf, shape, text, time, whole } from './schema-of.ts';

/** `history` once, `status` each second, `happened` for each event; data is one line of JSON. */
export const eventStream: SchemaOf<string> = { type: 'string', contentMediaType: 'text/event-stream' };

export const eventsAnswer = shape<{ readonly events: readonly ToldEvent[] }>({
  events: listOf(
    named<ToldEvent>('Event', {
      id: whole,
      level: oneOf(eventLevels),
      type: text,
      message: text,
      firstAt: time,
      lastAt: time,
      times: whole,
    }),
  ),
});
