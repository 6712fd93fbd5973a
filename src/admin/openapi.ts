import type { FastifyInstance, RouteOptions } from 'fastify';
import { errorAnswer } from './answers/error-answers.ts';
import type { JsonSchema, SchemaOf } from './answers/schema-of.ts';

declare module 'fastify' {
  interface FastifySchema {
    /** What the route is for, in one sentence. */
    readonly summary?: string;
    /** Of pages for people: not a part of the API. */
    readonly hide?: boolean;
  }
}

export const plainText: SchemaOf<string> = { type: 'string', contentMediaType: 'text/plain' };

/** What a route declares of itself; its requests' schemas stand beside it. */
export const answers = (summary: string, answer: JsonSchema) => ({ summary, response: { 200: answer } });

/*
 * Made here, not by @fastify/swagger: it puts a query's conditions and the names of answers aside, and would be one more dependency in
 * what runs beside the data, for these hundred lines.
 */
export interface OpenApi {
  readonly openapi: '3.1.0';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly securitySchemes: JsonSchema;
  };
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  /** Present where the token is needed. */
  readonly security?: readonly { readonly token: readonly string[] }[];
  readonly parameters?: readonly JsonSchema[];
  readonly requestBody?: JsonSchema;
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content: JsonSchema }>>;
}

/** Of the API, not of the program: it rises when an answer or a request changes so that a client notices. */
const API_VERSION = '1.0.0';

/** Serves the document of every route that is added to the server after this, and answers what gives it. */
export function serveOpenApi(app: FastifyInstance): () => OpenApi {
  const routes: RouteOptions[] = [];
  app.addHook('onRoute', (route) => {
    routes.push(route);
  });
  let made: OpenApi | undefined;
  const document = (): OpenApi => {
    made ??= openApi(routes);
    return made;
  };
  app.get('/api/openapi.json', { schema: answers('This document, made from the routes.', { type: 'object' }) }, document);
  return document;
}

function openApi(routes: readonly RouteOptions[]): OpenApi {
  const schemas = new Map<string, JsonSchema>();
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routes) {
    const { method, url, schema } = route;
    // HEAD is added by the library beside each GET.
    if (typeof method !== 'string' || method === 'HEAD' || schema?.hide === true) continue;
    paths[url.replaceAll(/:(?<name>\w+)/g, '{$<name>}')] = {
      ...paths[url],
      [method.toLowerCase()]: operationOf(route, method, (part) => hoisted(part, schemas)),
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Farshore',
      version: API_VERSION,
      description:
        'What one daemon tells and does. What changes something, and what shows data of the company, needs the token of `admin.tokenFile`.',
    },
    paths,
    components: {
      schemas: Object.fromEntries([...schemas].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operationOf({ url, schema, onRequest }: RouteOptions, method: string, refer: (schema: JsonSchema) => unknown): Operation {
  const { summary, response, querystring, params, body } = schema ?? {};
  if (summary === undefined || response === undefined) throw new Error(`${method} ${url} does not declare what it answers`);
  const declared = Object.entries(response as Record<string, JsonSchema>);
  const needsToken = onRequest !== undefined;
  const words = url.split(/[^A-Za-z]+/).filter((word) => word !== '' && word !== 'api');
  return {
    operationId: [method.toLowerCase(), ...words.map((word) => `${word[0]!.toUpperCase()}${word.slice(1)}`)].join(''),
    summary,
    tags: [words[0] ?? ''],
    ...(needsToken ? { security: [{ token: [] }] } : {}),
    ...(querystring === undefined && params === undefined
      ? {}
      : { parameters: [...parametersOf(params as JsonSchema, 'path'), ...parametersOf(querystring as JsonSchema, 'query')] }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: refer(body as JsonSchema) } } } }),
    responses: {
      ...Object.fromEntries(declared.map(([status, answer]) => [status, answerOf(status === '200' ? 'As asked.' : 'Not now.', answer)])),
      default: answerOf('Refused or failed; the status says by whom.', errorAnswer),
    },
  };

  function answerOf(description: string, answer: JsonSchema) {
    return { description, content: { [String(answer.contentMediaType ?? 'application/json')]: { schema: refer(answer) } } };
  }
}

function parametersOf(schema: JsonSchema | undefined, where: 'path' | 'query'): JsonSchema[] {
  const required = new Set((schema?.required ?? []) as readonly string[]);
  return Object.entries((schema?.properties ?? {}) as Record<string, JsonSchema>).map(([name, part]) => ({
    name,
    in: where,
    required: where === 'path' || required.has(name),
    schema: part,
  }));
}

/** The schema with each part that has a title replaced by a reference to it: such a part is kept once, under its title. */
function hoisted(part: unknown, schemas: Map<string, JsonSchema>): unknown {
  if (Array.isArray(part)) return part.map((one) => hoisted(one, schemas));
  if (typeof part !== 'object' || part === null) return part;
  const { title, ...rest } = part as JsonSchema;
  // A field may be named so too: then it is a schema, not a text.
  const isNamed = typeof title === 'string';
  const inner = Object.fromEntries(Object.entries(isNamed ? rest : (part as JsonSchema)).map(([key, one]) => [key, hoisted(one, schemas)]));
  if (!isNamed) return inner;
  const kept = schemas.get(title);
  if (kept !== undefined && JSON.stringify(kept) !== JSON.stringify(inner)) throw new Error(`two answers have the name ${title}`);
  schemas.set(title, inner);
  return { $ref: `#/components/schemas/${title}` };
}
