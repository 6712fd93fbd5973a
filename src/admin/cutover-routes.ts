import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type CutoverVerb, cutoverVerbs } from '../model/cutover.ts';
import { activeAnswer, cutoverChanged, cutoverLogAnswer, cutoverTailAnswer, planAnswer } from './answers/cutover-answers.ts';
import type { CutoverSource } from './cutover-contracts.ts';
import { withoutOutput } from './hook-outcome.ts';
import { answers } from './openapi.ts';

const logSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { limit: { type: 'string', pattern: '^[1-9]\\d{0,3}$' } },
} as const;

const line = { type: 'string', pattern: '^[^\\u0000-\\u001f\\u007f]{1,200}$' } as const;
const changeSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['region', 'by'],
  properties: { region: line, by: line },
} as const;
const holdSchema = { ...changeSchema, required: ['region', 'by', 'reason'], properties: { region: line, by: line, reason: line } } as const;

const startSchema = {
  ...changeSchema,
  properties: { region: line, by: line, primaryLost: { type: 'boolean' }, acceptLoss: { type: 'boolean' } },
} as const;

interface ChangeBody {
  readonly region: string;
  readonly by: string;
  readonly reason?: string;
  readonly primaryLost?: boolean;
  readonly acceptLoss?: boolean;
}

const meanings: Readonly<Record<CutoverVerb, string>> = {
  start: 'Starts the move of the home to the region, or gives a lost primary up.',
  abort: 'Ends a move before its switch.',
  revert: 'Moves the home back to the primary.',
  complete: 'Says that the home stays in the region.',
  hold: 'Shuts the gate `hold`.',
  release: 'Opens the gate `hold`.',
};

const AT_ONCE = '100';

/** Standbys answer too. Load balancers read the status, people the body. */
export function addCutoverReading(
  app: FastifyInstance,
  source: CutoverSource,
  closing: AbortSignal,
  hasToken: (request: FastifyRequest) => boolean,
): void {
  const active = answers('Whether this region may serve; load balancers read the status.', activeAnswer);
  app.get('/cutover/active', { schema: { ...active, response: { 200: activeAnswer, 503: activeAnswer } } }, async (_request, reply) => {
    const answer = await source.active();
    return reply.code(answer.active ? 200 : 503).send(answer);
  });
  app.get(
    '/api/cutover',
    { schema: answers('State, gates with their reasons, steps and what each verb would be refused with.', planAnswer) },
    async () => await source.plan(closing),
  );
  app.get<{ Querystring: { limit?: string } }>(
    '/api/cutover/log',
    {
      schema: {
        ...answers('Every change, the newest first; what hooks said only with the token.', cutoverLogAnswer),
        querystring: logSchema,
      },
    },
    async (request) => {
      const log = await source.log(Number(request.query.limit ?? AT_ONCE), closing);
      return { log: hasToken(request) ? log : log.map(withoutOutput) };
    },
  );
  const tail = answers(
    'Of a primary that was given up: the records that it has alone, each range with the command that exports it.',
    cutoverTailAnswer,
  );
  app.get('/api/cutover/tail', { schema: tail }, async () => ({ tail: await source.tail(closing) }));
}

export function addCutoverChanging(
  app: FastifyInstance,
  source: CutoverSource,
  onRequest: (request: FastifyRequest, reply: FastifyReply) => Promise<void>,
  limited: <T>(change: Promise<T>) => Promise<T>,
  closing: AbortSignal,
): void {
  for (const verb of cutoverVerbs) {
    app.post<{ Body: ChangeBody }>(
      `/api/cutover/${verb}`,
      {
        onRequest,
        schema: {
          ...answers(meanings[verb], cutoverChanged),
          body: verb === 'hold' ? holdSchema : verb === 'start' ? startSchema : changeSchema,
        },
      },
      async ({ body }) => ({
        done: verb satisfies CutoverVerb,
        cutover: await limited(source.change({ verb, reason: undefined, primaryLost: false, acceptLoss: false, ...body }, closing)),
      }),
    );
  }
}
