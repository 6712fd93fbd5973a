import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  actionsAnswer,
  type LagAnswer,
  lagAnswer,
  offsetsAnswer,
  partitionsAnswer,
  partitionsChanged,
  statusAnswer,
} from './answers/partition-answers.ts';
import { discardedAnswer, rejectedAnswer, rejectedRecordAnswer, retriedAnswer } from './answers/rejected-answers.ts';
import { schemaAnswer } from './answers/schema-answers.ts';
import { addAuditRoutes, addAuditStatusRoute } from './audit-routes.ts';
import { addBackfillRoutes, addBackfillStatusRoute } from './backfill-routes.ts';
import type { AdminSettings, AdminSource, Probe } from './contracts.ts';
import { addCutoverChanging, addCutoverReading } from './cutover-routes.ts';
import { Refusal } from './errors.ts';
import { answers, plainText } from './openapi.ts';
import { addOutboxRoutes, addOutboxStatusRoute } from './outbox-routes.ts';
import {
  type ActionsQuery,
  actionsRequest,
  actionsSchema,
  type OffsetsQuery,
  offsetsRequest,
  offsetsSchema,
  type PauseBody,
  pauseRequest,
  pauseSchema,
  type ResumeBody,
  resumeRequest,
  resumeSchema,
} from './partition-bodies.ts';
import { probeText } from './probe-text.ts';
import {
  type RejectedChangeBody,
  type RejectedListQuery,
  rejectedChangeSchema,
  rejectedFilter,
  rejectedIdSchema,
  rejectedListRequest,
  rejectedListSchema,
} from './rejected-bodies.ts';
import { type SchemaQuery, schemaQuerySchema, schemaRequest } from './schema-bodies.ts';
import { addReplayRoute } from './shadow-replay-routes.ts';
import { addShadowDiffsRoute, addShadowStatusRoute } from './shadow-routes.ts';
import { judgeToken } from './token-check.ts';

/** The routes that read: open to whoever reaches the listen address. */
export function addReadingRoutes(
  app: FastifyInstance,
  source: AdminSource,
  { token }: Pick<AdminSettings, 'token'>,
  closing: AbortSignal,
): void {
  const probe = (path: string, summary: string, ask: () => Probe): void => {
    const schema = { summary, response: { 200: plainText, 503: plainText } };
    app.get<{ Querystring: { verbose?: unknown } }>(path, { schema }, (request, reply) => {
      const answer = ask();
      const isVerbose = request.query.verbose !== undefined;
      return reply
        .code(answer.ok ? 200 : 503)
        .type('text/plain; charset=utf-8')
        .send(probeText(answer, isVerbose));
    });
  };
  probe('/livez', 'Whether every loop with work makes progress.', () => source.liveness());
  probe('/readyz', 'Whether it is active or stands by.', () => source.readiness());
  probe('/startupz', 'Whether the start is over.', () => source.startup());
  app.get('/metrics', { schema: answers('Metrics in the text form of Prometheus.', plainText) }, async (_request, reply) => {
    const { contentType, body } = await source.metrics();
    return reply.type(contentType).send(body);
  });
  app.get('/api/status', { schema: answers('Components, partitions, tables and lag.', statusAnswer) }, () => source.status());
  app.get('/api/lag', { schema: answers('Lag of every partition and stage.', lagAnswer) }, (): LagAnswer => {
    const { region, primary, heartbeat, partitions } = source.status();
    return { region, primary, heartbeat, partitions: partitions.map(({ topic, partition, lag }) => ({ topic, partition, lag })) };
  });
  app.get('/api/partitions', { schema: answers('Where every partition stands, and why one stopped.', partitionsAnswer) }, () => {
    const { partitions } = source.status();
    return { partitions: partitions.map(({ topic, partition, mirror, apply }) => ({ topic, partition, mirror, apply })) };
  });
  app.get<{ Querystring: ActionsQuery }>(
    '/api/partitions/log',
    { schema: { ...answers('Who paused and resumed what, the newest first.', actionsAnswer), querystring: actionsSchema } },
    async ({ query }) => ({
      actions: await source.actions(actionsRequest(query), closing),
    }),
  );
  app.get<{ Querystring: OffsetsQuery }>(
    '/api/offsets',
    {
      schema: {
        ...answers(
          'Where home offsets lie in the region. A partition needs its topic, an offset its partition; one offset at a time.',
          offsetsAnswer,
        ),
        querystring: offsetsSchema,
      },
    },
    ({ query }) => source.offsets(offsetsRequest(query)),
  );
  app.get<{ Querystring: SchemaQuery }>(
    '/api/schema',
    { schema: { ...answers('How topics, their schemas and their tables meet.', schemaAnswer), querystring: schemaQuerySchema } },
    ({ query }) => source.schema(schemaRequest(query), closing),
  );
  addShadowStatusRoute(app, source);
  addAuditStatusRoute(app, source);
  addBackfillStatusRoute(app, source);
  addCutoverReading(app, source.cutover, closing, ({ headers }) => judgeToken(headers.authorization, token()) === 'accepted');
  addOutboxStatusRoute(app, () => source.outbox, closing);
}

/** What was in kept records is data of the company: reading them needs the token too. */
function addRejectedRoutes(
  app: FastifyInstance,
  source: AdminSource,
  settings: AdminSettings,
  onRequest: (request: FastifyRequest, reply: FastifyReply) => Promise<void>,
  closing: AbortSignal,
): void {
  app.get<{ Querystring: RejectedListQuery }>(
    '/api/rejected',
    { onRequest, schema: { ...answers('Kept records in the order they came.', rejectedAnswer), querystring: rejectedListSchema } },
    async ({ query }) => ({ rejected: await source.rejected(rejectedListRequest(query), closing) }),
  );
  app.get<{ Params: { id: string } }>(
    '/api/rejected/:id',
    { onRequest, schema: { ...answers('One kept record with its bytes.', rejectedRecordAnswer), params: rejectedIdSchema } },
    async ({ params }) => {
      const record = await source.rejectedRecord(params.id, closing);
      if (record === undefined)
        throw new Refusal(404, `No record with id ${params.id} is kept`, 'farshore rejected list shows those that are.');
      return record;
    },
  );
  app.post<{ Body: RejectedChangeBody }>(
    '/api/rejected/retry',
    {
      onRequest,
      schema: { ...answers('Tries kept records again; without a condition it must say `all`.', retriedAnswer), body: rejectedChangeSchema },
    },
    async ({ body }) => ({
      done: 'retry',
      ...(await withinLimit(source.retryRejected(rejectedFilter(body), body.by, closing), settings)),
    }),
  );
  app.post<{ Body: RejectedChangeBody }>(
    '/api/rejected/discard',
    {
      onRequest,
      schema: { ...answers('Gives kept records up; without a condition it must say `all`.', discardedAnswer), body: rejectedChangeSchema },
    },
    async ({ body }) => ({
      done: 'discard',
      discarded: await withinLimit(source.discardRejected(rejectedFilter(body), body.by, closing), settings),
    }),
  );
}

/** The routes that change something: they need the token, and are refused where none is configured. */
export function addChangingRoutes(app: FastifyInstance, source: AdminSource, settings: AdminSettings, closing: AbortSignal): void {
  // Before the body is read: who may not change anything may not send anything either.
  const onRequest = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    checkToken(request, reply, settings.token());
  };
  app.post<{ Body: PauseBody }>(
    '/api/partitions/pause',
    { onRequest, schema: { ...answers('Pauses a partition, or every one of a topic.', partitionsChanged), body: pauseSchema } },
    async ({ body }) => {
      await withinLimit(source.pause(pauseRequest(body), closing), settings);
      return { done: 'pause', topic: body.topic, partition: body.partition ?? null, stage: body.stage ?? null };
    },
  );
  app.post<{ Body: ResumeBody }>(
    '/api/partitions/resume',
    {
      onRequest,
      schema: { ...answers('Resumes what is paused or stopped. An offset needs its stage.', partitionsChanged), body: resumeSchema },
    },
    async ({ body }) => {
      await withinLimit(source.resume(resumeRequest(body), closing), settings);
      return { done: 'resume', topic: body.topic, partition: body.partition ?? null, stage: body.stage ?? null };
    },
  );
  addRejectedRoutes(app, source, settings, onRequest, closing);
  addReplayRoute(app, source, onRequest);
  addShadowDiffsRoute(app, source, onRequest, closing);
  addAuditRoutes(app, source, onRequest, (change) => withinLimit(change, settings), closing);
  addBackfillRoutes(app, source, onRequest, (change) => withinLimit(change, settings), closing);
  addOutboxRoutes(
    app,
    () => source.outbox,
    onRequest,
    (change) => withinLimit(change, settings),
    closing,
  );
  addCutoverChanging(app, source.cutover, onRequest, (change) => withinLimit(change, settings), closing);
}

function checkToken(request: FastifyRequest, reply: FastifyReply, token: string | undefined): void {
  switch (judgeToken(request.headers.authorization, token)) {
    case 'accepted':
      return;
    case 'changes_off':
      throw new Refusal(403, 'Nothing can be changed over HTTP: no token is configured', 'Set admin.tokenFile and restart the daemon.');
    case 'missing':
      reply.header('www-authenticate', 'Bearer');
      throw new Refusal(401, 'A bearer token is needed to change anything', 'Pass --token-file with the file admin.tokenFile names.');
    case 'wrong':
      reply.header('www-authenticate', 'Bearer error="invalid_token"');
      throw new Refusal(
        401,
        'The bearer token is not the one of admin.tokenFile',
        'Pass --token-file with the file admin.tokenFile names.',
      );
  }
}

/** A change waits for the work in hand; when that takes long it is still carried out, and the answer says so. */
async function withinLimit<T>(change: Promise<T>, { limits, clock }: AdminSettings): Promise<T> {
  const done = new AbortController();
  const late = clock.sleep(limits.changeMs, done.signal).then(
    () => {
      throw new Refusal(504, 'The change is taken but not done yet', 'GET /api/partitions shows when it is.');
    },
    // Done in time: the change itself decides.
    () => change,
  );
  try {
    return await Promise.race([change, late]);
  } finally {
    done.abort();
    late.catch(() => undefined);
  }
}
