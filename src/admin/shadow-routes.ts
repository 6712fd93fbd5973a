import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type ShadowDiffFilter, type ShadowDiffResult, shadowDiffResults } from '../model/shadow-view.ts';
import { diffsAnswer, shadowAnswer } from './answers/shadow-answers.ts';
import type { AdminSource } from './contracts.ts';
import { answers } from './openapi.ts';

const diffsSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    route: { type: 'string', minLength: 1, maxLength: 200 },
    result: { enum: shadowDiffResults },
    limit: { type: 'string', pattern: '^[1-9]\\d{0,2}$' },
  },
} as const;

interface DiffsQuery {
  readonly route?: string;
  readonly result?: ShadowDiffResult;
  readonly limit?: string;
}

const AT_ONCE = 100;

const diffFilter = ({ route, result, limit }: DiffsQuery): ShadowDiffFilter => ({
  route,
  result,
  limit: limit === undefined ? AT_ONCE : Number(limit),
});

/** Scores and names of places; no value of any answer. */
export function addShadowStatusRoute(app: FastifyInstance, source: AdminSource): void {
  app.get('/api/shadow', { schema: answers('Scores by route and the places that differ, without values.', shadowAnswer) }, () =>
    source.shadowView(),
  );
}

/** What answers held is data of the company, redacted or not: reading it needs the token. */
export function addShadowDiffsRoute(
  app: FastifyInstance,
  source: AdminSource,
  onRequest: (request: FastifyRequest, reply: FastifyReply) => Promise<void>,
  closing: AbortSignal,
): void {
  app.get<{ Querystring: DiffsQuery }>(
    '/api/shadow/diffs',
    { onRequest, schema: { ...answers('Places that differed, with their last examples.', diffsAnswer), querystring: diffsSchema } },
    async ({ query }) => ({
      diffs: await source.shadowDiffs(diffFilter(query), closing),
    }),
  );
}
