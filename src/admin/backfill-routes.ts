import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { backfillAnswer, backfillChanged, backfillStarted } from './answers/backfill-answers.ts';
import type { AdminSource } from './contracts.ts';
import { answers } from './openapi.ts';

type OnRequest = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
type WithinLimit = <T>(change: Promise<T>) => Promise<T>;

const table = { type: 'string', minLength: 3, maxLength: 200 } as const;
const by = { type: 'string', pattern: '^[^\\u0000-\\u001f\\u007f]{1,200}$' } as const;
const where = { type: 'string', minLength: 1, maxLength: 2_000 } as const;
const startSchema = { type: 'object', additionalProperties: false, required: ['table', 'by'], properties: { table, by, where } } as const;
const changeSchema = { type: 'object', additionalProperties: false, required: ['table', 'by'], properties: { table, by } } as const;

/** Counts and conditions; no row. */
export function addBackfillStatusRoute(app: FastifyInstance, source: AdminSource): void {
  app.get('/api/backfill', { schema: answers('Open backfills and the last of each table.', backfillAnswer) }, () => source.backfills());
}

export function addBackfillRoutes(
  app: FastifyInstance,
  source: AdminSource,
  onRequest: OnRequest,
  withinLimit: WithinLimit,
  closing: AbortSignal,
): void {
  app.post<{ Body: { readonly table: string; readonly by: string; readonly where?: string } }>(
    '/api/backfill/start',
    { onRequest, schema: { ...answers('Starts a backfill of one table.', backfillStarted), body: startSchema } },
    async ({ body }) => ({
      done: 'start',
      table: body.table,
      id: await withinLimit(source.startBackfill({ table: body.table, where: body.where, by: body.by }, closing)),
    }),
  );
  for (const change of ['pause', 'resume', 'stop'] as const) {
    app.post<{ Body: { readonly table: string; readonly by: string } }>(
      `/api/backfill/${change}`,
      { onRequest, schema: { ...answers(`Makes the open backfill of a table ${change}.`, backfillChanged), body: changeSchema } },
      async ({ body }) => {
        await withinLimit(source.changeBackfill(body.table, change, body.by, closing));
        return { done: change, table: body.table };
      },
    );
  }
}
