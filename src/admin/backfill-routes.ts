import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type BackfillSource, backfillSources } from '../model/backfill.ts';
import { FarshoreError } from '../model/errors.ts';
import { backfillAnswer, backfillChanged, backfillStarted } from './answers/backfill-answers.ts';
import type { AdminSource } from './contracts.ts';
import { answers } from './openapi.ts';

type OnRequest = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
type WithinLimit = <T>(change: Promise<T>) => Promise<T>;

const table = { type: 'string', minLength: 3, maxLength: 200 } as const;
const by = { type: 'string', pattern: '^[^\\u0000-\\u001f\\u007f]{1,200}$' } as const;
const where = { type: 'string', minLength: 1, maxLength: 2_000 } as const;
const from = { type: 'string', enum: backfillSources } as const;
const file = { type: 'string', minLength: 1, maxLength: 1_000 } as const;
const startSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['table', 'by'],
  properties: { table, by, from, where, file },
} as const;
const changeSchema = { type: 'object', additionalProperties: false, required: ['table', 'by'], properties: { table, by } } as const;

interface StartBody {
  readonly table: string;
  readonly by: string;
  readonly from?: BackfillSource['from'];
  readonly where?: string;
  readonly file?: string;
}

/** Left out, it is the database. Throws `request_invalid` for what does not go together. */
export function sourceOf({ from = 'database', where, file }: Pick<StartBody, 'from' | 'where' | 'file'>): BackfillSource {
  if (where !== undefined && from !== 'database') {
    throw new FarshoreError('request_invalid', `A condition is one on the primary's rows; rows come from a ${from}`, {
      hint: 'Leave `where` out.',
    });
  }
  if (from === 'file') {
    if (file === undefined) throw new FarshoreError('request_invalid', 'There is no file named', { hint: 'Name it: `file`.' });
    return { from, file };
  }
  if (file !== undefined) {
    throw new FarshoreError('request_invalid', `A file is named, and rows come from the ${from}`, {
      hint: 'Say `from: file`, or leave `file` out.',
    });
  }
  return from === 'topic' ? { from } : { from, where };
}

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
  app.post<{ Body: StartBody }>(
    '/api/backfill/start',
    { onRequest, schema: { ...answers('Starts a backfill of one table.', backfillStarted), body: startSchema } },
    async ({ body }) => ({
      done: 'start',
      table: body.table,
      id: await withinLimit(source.startBackfill({ table: body.table, source: sourceOf(body), by: body.by }, closing)),
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
