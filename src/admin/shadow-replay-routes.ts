import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { replayedAnswer } from './answers/shadow-answers.ts';
import type { AdminSource, ReplayedRequest } from './contracts.ts';
import { answers } from './openapi.ts';

const MAX_REPLAYED_AT_ONCE = 100;
/** A hundred requests with bodies; one that is larger is sent alone. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

const text = (most: number) => ({ type: 'string', maxLength: most }) as const;

const replaySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['requests'],
  properties: {
    requests: {
      type: 'array',
      minItems: 1,
      maxItems: MAX_REPLAYED_AT_ONCE,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['method', 'target', 'headers', 'body'],
        properties: {
          method: text(20),
          target: text(16_384),
          headers: { type: 'array', maxItems: 256, items: { type: 'array', minItems: 2, maxItems: 2, items: text(16_384) } },
          body: { type: ['string', 'null'] },
        },
      },
    },
  },
} as const;

/** Recorded requests for the shadow: with the token, since they are asked with the credentials of the configuration. */
export function addReplayRoute(
  app: FastifyInstance,
  source: AdminSource,
  onRequest: (request: FastifyRequest, reply: FastifyReply) => Promise<void>,
): void {
  app.post<{ Body: { readonly requests: readonly ReplayedRequest[] } }>(
    '/api/shadow/requests',
    {
      onRequest,
      schema: { ...answers('Recorded requests for the shadow.', replayedAnswer), body: replaySchema },
      bodyLimit: MAX_BODY_BYTES,
    },
    async ({ body }) => ({ outcomes: source.replay(body.requests) }),
  );
}
