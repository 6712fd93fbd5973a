import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { eventStream, eventsAnswer } from './answers/live-answers.ts';
import type { AdminSettings, AdminSource } from './contracts.ts';
import { Refusal } from './errors.ts';
import { LiveFeed, type LiveMessage } from './live-feed.ts';
import { answers } from './openapi.ts';

const MAX_CLIENTS = 32;
/** A reader that is this far behind is let go: it comes back by itself, and starts with what is true then. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

const frame = ({ event, data }: LiveMessage): string => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

/** `GET /api/live`: server-sent events. The status of each second is also the heartbeat of the stream. */
export function addLiveRoute(app: FastifyInstance, source: AdminSource, settings: AdminSettings): void {
  const feed = new LiveFeed(source, settings.clock, settings.onFailure);
  const open = new Set<ServerResponse>();
  const closing = new AbortController();
  let running: Promise<void> | undefined;
  app.addHook('onListen', async () => {
    running = feed.run(closing.signal);
  });
  app.addHook('preClose', async () => {
    closing.abort();
    for (const raw of open) raw.end();
    await running;
  });

  app.get(
    '/api/live',
    { exposeHeadRoute: false, schema: answers('The status each second and events as they come.', eventStream) },
    (_request, reply) => {
      if (closing.signal.aborted) throw new Refusal(503, 'The daemon is stopping');
      if (open.size >= MAX_CLIENTS) {
        throw new Refusal(503, `${MAX_CLIENTS} pages look at this daemon already`, 'Close one; GET /api/status tells the same for once.');
      }
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, {
        ...(reply.getHeaders() as Record<string, string>),
        'content-type': 'text/event-stream; charset=utf-8',
        // A proxy in front must not collect what is meant for now.
        'x-accel-buffering': 'no',
      });
      raw.write('retry: 2000\n\n');
      const leave = feed.add((message) => {
        if (raw.writableLength > MAX_WAITING_BYTES) raw.destroy();
        else raw.write(frame(message));
      });
      open.add(raw);
      raw.once('close', () => {
        leave();
        open.delete(raw);
      });
    },
  );

  app.get('/api/events', { schema: answers('What happened lately, the oldest first.', eventsAnswer) }, () => ({
    events: source.events.recent(),
  }));
}
