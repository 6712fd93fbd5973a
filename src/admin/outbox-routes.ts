import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  type OutboxFilter,
  type OutboxListRequest,
  type OutboxRowState,
  type OutboxRowView,
  type OutboxStatus,
  outboxRowStates,
} from '../model/outbox.ts';
import { outboxAnswer, outboxDiscarded, outboxRetried, outboxRowsAnswer } from './answers/outbox-answers.ts';
import { answers } from './openapi.ts';

export interface OutboxSource {
  /** Also asked of daemons that stand by: the rows are in the database. */
  status(signal: AbortSignal): Promise<OutboxStatus>;
  rows(request: OutboxListRequest, signal: AbortSignal): Promise<readonly OutboxRowView[]>;
  /** Answers how many. Rejects with `request_invalid` on a daemon that stands by. */
  retry(filter: OutboxFilter, by: string, signal: AbortSignal): Promise<number>;
  discard(filter: OutboxFilter, by: string, signal: AbortSignal): Promise<number>;
}

const topic = { type: 'string', minLength: 1, maxLength: 249 } as const;
const listSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    topic,
    state: { enum: outboxRowStates },
    after: { type: 'string', pattern: '^\\d{1,18}$' },
    limit: { type: 'string', pattern: '^[1-9]\\d{0,3}$' },
  },
} as const;

/** A change without any condition must say `all`: an empty body means nobody's rows. */
const changeSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['by'],
  properties: {
    ids: { type: 'array', items: { type: 'string', pattern: '^[1-9]\\d{0,17}$' }, minItems: 1, maxItems: 1_000 },
    topic,
    all: { const: true },
    by: { type: 'string', pattern: '^[^\\u0000-\\u001f\\u007f]{1,200}$' },
  },
  anyOf: [{ required: ['ids'] }, { required: ['topic'] }, { required: ['all'] }],
} as const;

interface ListQuery {
  readonly topic?: string;
  readonly state?: OutboxRowState;
  readonly after?: string;
  readonly limit?: string;
}

interface ChangeBody {
  readonly ids?: readonly string[];
  readonly topic?: string;
  readonly all?: true;
  readonly by: string;
}

const AT_ONCE = '100';
const filterOf = ({ ids, topic: name }: ChangeBody): OutboxFilter => ({ ids, topic: name });

/** Counts and ages by topic; no row. */
export function addOutboxStatusRoute(app: FastifyInstance, source: () => OutboxSource, closing: AbortSignal): void {
  app.get(
    '/api/outbox',
    { schema: answers('What the outbox holds that is not published, by topic.', outboxAnswer) },
    async () => await source().status(closing),
  );
}

export function addOutboxRoutes(
  app: FastifyInstance,
  source: () => OutboxSource,
  onRequest: (request: FastifyRequest, reply: FastifyReply) => Promise<void>,
  limited: <T>(change: Promise<T>) => Promise<T>,
  closing: AbortSignal,
): void {
  app.get<{ Querystring: ListQuery }>(
    '/api/outbox/rows',
    {
      onRequest,
      schema: { ...answers('Rows that are not published, without keys and values.', outboxRowsAnswer), querystring: listSchema },
    },
    async ({ query: { topic: name, state, after = '0', limit = AT_ONCE } }) => ({
      rows: await source().rows({ topic: name, state, after, limit: Number(limit) }, closing),
    }),
  );
  app.post<{ Body: ChangeBody }>(
    '/api/outbox/retry',
    {
      onRequest,
      schema: { ...answers('Sends refused rows again at once; without a condition it must say `all`.', outboxRetried), body: changeSchema },
    },
    async ({ body }) => ({ done: 'retry', rows: await limited(source().retry(filterOf(body), body.by, closing)) }),
  );
  app.post<{ Body: ChangeBody }>(
    '/api/outbox/discard',
    {
      onRequest,
      schema: {
        ...answers('Deletes refused rows, and held ones named by their ids, which then nobody publishes.', outboxDiscarded),
        body: changeSchema,
      },
    },
    async ({ body }) => ({ done: 'discard', rows: await limited(source().discard(filterOf(body), body.by, closing)) }),
  );
}
