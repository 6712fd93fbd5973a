import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AdminSettings, AdminSource, Probe } from './contracts.ts';
import { Refusal } from './errors.ts';
import { type PauseBody, pauseRequest, pauseSchema, type ResumeBody, resumeRequest, resumeSchema } from './partition-bodies.ts';
import { probeText } from './probe-text.ts';
import { judgeToken } from './token-check.ts';

/** The routes that read: open to whoever reaches the listen address. */
export function addReadingRoutes(app: FastifyInstance, source: AdminSource): void {
  const probe = (path: string, ask: () => Probe): void => {
    app.get<{ Querystring: { verbose?: unknown } }>(path, (request, reply) => {
      const answer = ask();
      const isVerbose = request.query.verbose !== undefined;
      return reply
        .code(answer.ok ? 200 : 503)
        .type('text/plain; charset=utf-8')
        .send(probeText(answer, isVerbose));
    });
  };
  probe('/livez', () => source.liveness());
  probe('/readyz', () => source.readiness());
  probe('/startupz', () => source.startup());
  app.get('/metrics', async (_request, reply) => {
    const { contentType, body } = await source.metrics();
    return reply.type(contentType).send(body);
  });
  app.get('/api/status', () => source.status());
  app.get('/api/lag', () => {
    const { region, primary, heartbeat, partitions } = source.status();
    return { region, primary, heartbeat, partitions: partitions.map(({ topic, partition, lag }) => ({ topic, partition, lag })) };
  });
  app.get('/api/partitions', () => {
    const { partitions } = source.status();
    return { partitions: partitions.map(({ topic, partition, mirror, apply }) => ({ topic, partition, mirror, apply })) };
  });
}

/** The routes that change something: they need the token, and are refused where none is configured. */
export function addChangingRoutes(app: FastifyInstance, source: AdminSource, settings: AdminSettings, closing: AbortSignal): void {
  // Before the body is read: who may not change anything may not send anything either.
  const onRequest = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    checkToken(request, reply, settings.token());
  };
  app.post<{ Body: PauseBody }>('/api/partitions/pause', { onRequest, schema: { body: pauseSchema } }, async ({ body }) => {
    await withinLimit(source.pause(pauseRequest(body), closing), settings);
    return { done: 'pause', topic: body.topic, partition: body.partition ?? null, stage: body.stage ?? null };
  });
  app.post<{ Body: ResumeBody }>('/api/partitions/resume', { onRequest, schema: { body: resumeSchema } }, async ({ body }) => {
    await withinLimit(source.resume(resumeRequest(body), closing), settings);
    return { done: 'resume', topic: body.topic, partition: body.partition ?? null, stage: body.stage ?? null };
  });
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
async function withinLimit(change: Promise<void>, { limits, clock }: AdminSettings): Promise<void> {
  const done = new AbortController();
  const late = clock.sleep(limits.changeMs, done.signal).then(
    () => {
      throw new Refusal(504, 'The change is taken but not done yet', 'GET /api/partitions shows when it is.');
    },
    // Done in time: the change itself decides.
    () => change,
  );
  try {
    await Promise.race([change, late]);
  } finally {
    done.abort();
    late.catch(() => undefined);
  }
}
