import { z } from 'zod';
import { isTopicName } from '../model/topic-patterns.ts';
import { parseSafeRoute } from '../shadow/safe-routes.ts';
import { parseListen } from './listen.ts';
import { Secret } from './secret.ts';
import { shadowCompareSchema } from './shadow-rules-schema.ts';

/** The keys of `shadow`: requests of users asked again of both sides, and compared. */

const text = z.string().min(1);
const file = text;
const secret = text.transform((value) => new Secret(value));

const judged = (problem: (value: string) => string | undefined, suggestion: string) =>
  text.superRefine((value, context) => {
    const message = value === '' ? undefined : problem(value);
    if (message !== undefined) context.addIssue({ code: 'custom', message, params: { suggestion } });
  });

const origin = judged((value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) return 'this is no http:// or https:// address';
  if (url.username !== '' || url.password !== '') return 'the address holds credentials';
  return url.pathname === '/' && url.search === '' && url.hash === '' ? undefined : 'a target is scheme, host and port only';
}, 'such as http://billing.svc:8080; what a request asks for is added to it, credentials go under authorization or cookie');

const listen = judged(
  (value) => (parseListen(value) === undefined ? 'an address to listen on is written host:port' : undefined),
  'such as 127.0.0.1:8321',
);

const topic = judged(
  (value) => (isTopicName(value) ? undefined : 'this is no topic name'),
  'letters, digits, ".", "_" and "-", at most 249',
);

const headerName = judged(
  (value) => (/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/.test(value) ? undefined : 'this is no name of a header'),
  'such as X-Tenant',
);

const headerValue = judged(
  (value) => (/^[\t\x20-\x7e]*$/.test(value) ? undefined : 'a header holds printable ASCII only, on one line'),
  'remove what is not',
);

const safeRoute = judged(
  (value) => (parseSafeRoute(value) === undefined ? 'this is no route' : undefined),
  'such as POST /search/*: a method, a space and a path, where * is one segment and ** at the end any rest',
);

const target = z
  .strictObject({
    url: origin.describe('Scheme, host and port of the service. Nothing in a request changes where it goes.'),
    host: headerValue.optional().describe('What the Host header says; left out: host and port of `url`.'),
    allowPrivate: z
      .boolean()
      .default(false)
      .describe(
        'Whether the name in `url` may resolve to a private or loopback address. An address that is written out needs no permission; link-local and metadata addresses are refused always.',
      ),
    authorization: secret.optional().describe('Authorization header of every question; a user’s own is never sent.'),
    authorizationFile: file.optional().describe('File that holds it.'),
    cookie: secret.optional().describe('Cookie header of every question; a user’s own is never sent.'),
    cookieFile: file.optional().describe('File that holds it.'),
    caFile: file.optional().describe('PEM file of the certificate authorities to trust; left out: those of the system.'),
  })
  .meta({ id: 'shadowTarget', description: 'The service on one side.' });

export const shadowSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Off: nothing is asked; `proxyListen` goes on answering from the primary.'),
    targets: z
      .strictObject({ primary: target.describe('The service at the primary.'), region: target.describe('The service in the region.') })
      .meta({ description: 'The same service on both sides.' }),
    listen: listen
      .optional()
      .describe(
        '`host:port` for mirrored requests of nginx or Envoy: each is answered 202 at once and compared later. Let only them reach it: what comes in is asked with the credentials of the targets.',
      ),
    originalUri: z
      .boolean()
      .default(false)
      .describe(
        'Whether path and query are read from X-Original-URI. Only where the web server in front sets it on every request: else users could.',
      ),
    proxyListen: listen.optional().describe('`host:port` to answer users on, from the primary, while their requests are compared.'),
    topic: topic.optional().describe('Topic of requests in Avro (schemas/shadow.requests-value), as it is named in the region.'),
    sample: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe('Part of the requests to compare, as a part of 1; the same request always is or is not.'),
    sampleBy: headerName.optional().describe('Header whose value decides that, such as one of the user; left out: method, path and query.'),
    maxPerSecond: z.number().min(0.01).max(100_000).default(100).describe('Most requests a second that are compared; the rest is shed.'),
    maxLoad: z
      .number()
      .min(0.05)
      .max(1)
      .default(0.8)
      .describe(
        'Part of its time that the daemon’s thread may be busy, with whatever, as a part of 1; above it requests are shed, so that replication goes first.',
      ),
    concurrency: z
      .int()
      .min(1)
      .max(1_024)
      .default(16)
      .describe('Most questions to one side at the same time; what comes above it is shed.'),
    timeoutMs: z.int().min(10).max(600_000).default(5_000).describe('Longest wait for one answer.'),
    maxBodyBytes: z.int().min(0).max(16_777_216).default(262_144).describe('Largest body of a request that is compared.'),
    maxAnswerBytes: z
      .int()
      .min(1_024)
      .max(67_108_864)
      .default(262_144)
      .describe('Bytes of an answer that are kept and compared, decompressed.'),
    queue: z
      .strictObject({
        requests: z.int().min(1).max(1_000_000).default(10_000).describe('Most requests that wait.'),
        bytes: z.int().min(65_536).default(33_554_432).describe('Most bytes of them together.'),
      })
      .meta({ description: 'Requests that wait to be compared; what finds no room is shed.' })
      .prefault({}),
    noiseSample: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe('Part of the compared requests that the primary is asked twice, to learn what differs between two of its own answers.'),
    breakerResetMs: z
      .int()
      .min(100)
      .default(10_000)
      .describe('How long a side that failed several times is left alone before one question tries.'),
    safe: z
      .array(safeRoute)
      .default([])
      .describe(
        'Routes that may be asked although their method could change something. Others than GET, HEAD and OPTIONS are never sent without it.',
      ),
    headers: z
      .strictObject({
        set: z.record(headerName, headerValue).default({}).describe('Headers of every question.'),
        drop: z
          .array(headerName)
          .default([])
          .describe('Headers of users that are not sent, beside credentials and those of the connection.'),
      })
      .meta({ description: 'Headers of what is asked.' })
      .prefault({}),
    compare: shadowCompareSchema.prefault({}),
  })
  .meta({ description: 'Requests of users, asked of the primary and the region and compared.' });

export type ShadowDocument = z.output<typeof shadowSchema>;
