import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type FindingFilter, type FindingState, findingStates } from '../model/audit.ts';
import { auditAnswer, auditRunAnswer, findingsAnswer, repairedAnswer, repairsAnswer, triagedAnswer } from './answers/audit-answers.ts';
import type { AdminSource } from './contracts.ts';
import { answers } from './openapi.ts';

type OnRequest = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
/** Answers 504 when the change takes longer than a client should wait; it is carried out all the same. */
type WithinLimit = <T>(change: Promise<T>) => Promise<T>;

const id = { type: 'string', pattern: '^[1-9]\\d{0,17}$' } as const;
const table = { type: 'string', minLength: 3, maxLength: 200 } as const;
const by = { type: 'string', pattern: '^[^\\u0000-\\u001f\\u007f]{1,200}$' } as const;
const count = { type: 'string', pattern: '^[1-9]\\d{0,3}$' } as const;
const triage = { enum: ['new', 'ignored', 'resolved'] } as const;
const AT_ONCE = 100;
const REPAIRS = 1_000;

const findingsSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { table, state: { enum: findingStates }, triage, after: { type: 'string', pattern: '^\\d{1,18}$' }, limit: count },
} as const;

const repairsSchema = { type: 'object', additionalProperties: false, properties: { table, limit: count } } as const;

const runSchema = { type: 'object', additionalProperties: false, required: ['by'], properties: { table, by } } as const;

/** A change without any condition must say `all`: an empty body means nobody's findings. */
const changeProperties = { ids: { type: 'array', items: id, minItems: 1, maxItems: 1_000 }, table, all: { const: true }, by } as const;
const meant = [{ required: ['ids'] }, { required: ['table'] }, { required: ['all'] }] as const;
const triageSchema = { type: 'object', additionalProperties: false, required: ['by'], properties: changeProperties, anyOf: meant } as const;
const repairSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['by', 'dryRun'],
  properties: { ...changeProperties, dryRun: { type: 'boolean' }, limit: { type: 'integer', minimum: 1, maximum: 100_000 } },
  anyOf: meant,
} as const;

interface FindingsQuery {
  readonly table?: string;
  readonly state?: FindingState;
  readonly triage?: FindingFilter['triage'];
  readonly after?: string;
  readonly limit?: string;
}

interface ChangeBody {
  readonly ids?: readonly string[];
  readonly table?: string;
  readonly all?: true;
  readonly by: string;
}

interface RepairBody extends ChangeBody {
  readonly dryRun: boolean;
  readonly limit?: number;
}

const filterOf = ({ ids, table: name }: ChangeBody): FindingFilter => ({ ids, table: name, state: undefined, triage: undefined });

/** Counts and ages; no key of any row. */
export function addAuditStatusRoute(app: FastifyInstance, source: AdminSource): void {
  app.get('/api/audit', { schema: answers('What was compared and how it stands, without keys.', auditAnswer) }, () => source.audit());
}

/** Keys are data of the company: reading them needs the token, as every change does. */
export function addAuditRoutes(
  app: FastifyInstance,
  source: AdminSource,
  onRequest: OnRequest,
  withinLimit: WithinLimit,
  closing: AbortSignal,
): void {
  app.get<{ Querystring: FindingsQuery }>(
    '/api/audit/findings',
    { onRequest, schema: { ...answers('Findings in the order of their ids.', findingsAnswer), querystring: findingsSchema } },
    async ({ query }) => {
      const { after = '0', limit, table: name, state, triage: judged } = query;
      const page = { after, limit: limit === undefined ? AT_ONCE : Number(limit) };
      return { findings: await source.auditFindings({ ids: undefined, table: name, state, triage: judged }, page, closing) };
    },
  );
  app.get<{ Querystring: { readonly table?: string; readonly limit?: string } }>(
    '/api/audit/repairs',
    { onRequest, schema: { ...answers('What was repaired, the newest first.', repairsAnswer), querystring: repairsSchema } },
    async ({ query }) => ({
      repairs: await source.auditRepairs({ table: query.table, limit: query.limit === undefined ? AT_ONCE : Number(query.limit) }, closing),
    }),
  );
  app.post<{ Body: { readonly table?: string; readonly by: string } }>(
    '/api/audit/run',
    { onRequest, schema: { ...answers('Starts a full pass over one table or all.', auditRunAnswer), body: runSchema } },
    ({ body }) => ({ done: 'run', tables: source.runAudit(body.table, body.by) }),
  );
  for (const [verb, to] of [
    ['ignore', 'ignored'],
    ['resolve', 'resolved'],
  ] as const) {
    app.post<{ Body: ChangeBody }>(
      `/api/audit/${verb}`,
      {
        onRequest,
        schema: { ...answers(`Calls findings ${to}; without a condition it must say \`all\`.`, triagedAnswer), body: triageSchema },
      },
      async ({ body }) => ({
        done: verb,
        findings: await withinLimit(source.triageFindings(filterOf(body), to, body.by, closing)),
      }),
    );
  }
  app.post<{ Body: RepairBody }>(
    '/api/audit/repair',
    {
      onRequest,
      schema: {
        ...answers('Writes the primary’s row where nothing newer came, or says what would be written.', repairedAnswer),
        body: repairSchema,
      },
    },
    async ({ body }) => ({
      done: 'repair',
      dryRun: body.dryRun,
      repairs: await withinLimit(
        source.repairFindings(filterOf(body), { by: body.by, dryRun: body.dryRun, limit: body.limit ?? REPAIRS }, closing),
      ),
    }),
  );
}
