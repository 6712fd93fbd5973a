import type { RejectedFilter } from '../model/rejected.ts';
import type { RejectedListRequest } from './contracts.ts';

const id = { type: 'string', pattern: '^[1-9]\\d{0,17}$' } as const;
const conditions = {
  table: { type: 'string', minLength: 3, maxLength: 200 },
  reason: { type: 'string', pattern: '^[a-z_]{1,50}$' },
  since: { type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,6})?Z$' },
} as const;

export const rejectedListSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ...conditions,
    parked: { enum: ['true', 'false'] },
    after: { type: 'string', pattern: '^\\d{1,18}$' },
    limit: { type: 'string', pattern: '^[1-9]\\d{0,3}$' },
  },
} as const;

export const rejectedIdSchema = { type: 'object', required: ['id'], properties: { id } } as const;

/** A change without any condition must say `all`: an empty body means nobody's records. */
export const rejectedChangeSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['by'],
  properties: {
    ...conditions,
    parked: { type: 'boolean' },
    ids: { type: 'array', items: id, minItems: 1, maxItems: 1_000 },
    all: { const: true },
    by: { type: 'string', pattern: '^[^\\u0000-\\u001f\\u007f]{1,200}$' },
  },
  anyOf: [
    { required: ['ids'] },
    { required: ['table'] },
    { required: ['reason'] },
    { required: ['since'] },
    { required: ['parked'] },
    { required: ['all'] },
  ],
} as const;

export interface RejectedListQuery {
  readonly table?: string;
  readonly reason?: string;
  readonly since?: string;
  readonly parked?: 'true' | 'false';
  readonly after?: string;
  readonly limit?: string;
}

export interface RejectedChangeBody {
  readonly ids?: readonly string[];
  readonly table?: string;
  readonly reason?: string;
  readonly since?: string;
  readonly parked?: boolean;
  readonly all?: true;
  readonly by: string;
}

const AT_ONCE = 100;

export const rejectedListRequest = ({ table, reason, since, parked, after, limit }: RejectedListQuery): RejectedListRequest => ({
  filter: { ids: undefined, table, reason, since, parked: parked === 'true' },
  after: after ?? '0',
  limit: limit === undefined ? AT_ONCE : Number(limit),
});

export const rejectedFilter = ({ ids, table, reason, since, parked = false }: RejectedChangeBody): RejectedFilter => ({
  ids,
  table,
  reason,
  since,
  parked,
});
