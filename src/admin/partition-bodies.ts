import type { ActionsRequest, OffsetsRequest, PauseRequest, ResumeRequest } from './contracts.ts';

/** Bodies as JSON Schema: what the server validates by. */
const common = {
  topic: { type: 'string', pattern: '^[a-zA-Z0-9._-]{1,249}$' },
  partition: { type: 'integer', minimum: 0, maximum: 2_147_483_647 },
  stage: { enum: ['mirror', 'apply'] },
  by: { type: 'string', pattern: '^[^\\u0000-\\u001f\\u007f]{1,200}$' },
} as const;

export const pauseSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['topic', 'by'],
  properties: common,
} as const;

export const resumeSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['topic', 'by'],
  properties: {
    ...common,
    from: { type: 'string', pattern: '^(earliest|\\d{1,18})$' },
    acceptLoss: { type: 'boolean' },
    acceptRecreated: { type: 'boolean' },
    acceptRewind: { type: 'boolean' },
  },
} as const;

export interface PauseBody {
  readonly topic: string;
  readonly partition?: number;
  readonly stage?: 'mirror' | 'apply';
  readonly by: string;
}

export interface ResumeBody extends PauseBody {
  /** `earliest`, or an offset as decimal text. */
  readonly from?: string;
  readonly acceptLoss?: boolean;
  readonly acceptRecreated?: boolean;
  readonly acceptRewind?: boolean;
}

export const pauseRequest = ({ topic, partition, stage, by }: PauseBody): PauseRequest => ({ topic, partition, stage, by });

export const resumeRequest = (body: ResumeBody): ResumeRequest => ({
  ...pauseRequest(body),
  from: body.from === undefined || body.from === 'earliest' ? body.from : BigInt(body.from),
  acceptLoss: body.acceptLoss ?? false,
  acceptRecreated: body.acceptRecreated ?? false,
  acceptRewind: body.acceptRewind ?? false,
});

export const actionsSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    topic: common.topic,
    partition: { type: 'string', pattern: '^\\d{1,9}$' },
    limit: { type: 'string', pattern: '^[1-9]\\d{0,3}$' },
  },
  dependencies: { partition: ['topic'] },
} as const;

export interface ActionsQuery {
  readonly topic?: string;
  readonly partition?: string;
  readonly limit?: string;
}

const ACTIONS_AT_ONCE = 100;

export const actionsRequest = ({ topic, partition, limit }: ActionsQuery): ActionsRequest => ({
  topic,
  partition: partition === undefined ? undefined : Number(partition),
  limit: limit === undefined ? ACTIONS_AT_ONCE : Number(limit),
});

const offsetText = { type: 'string', pattern: '^\\d{1,18}$' } as const;

export const offsetsSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { topic: common.topic, partition: { type: 'string', pattern: '^\\d{1,9}$' }, home: offsetText, regional: offsetText },
  // An offset belongs to one partition of one log.
  dependencies: { partition: ['topic'], home: ['topic', 'partition'], regional: ['topic', 'partition'] },
  not: { required: ['home', 'regional'] },
} as const;

export interface OffsetsQuery {
  readonly topic?: string;
  readonly partition?: string;
  readonly home?: string;
  readonly regional?: string;
}

export const offsetsRequest = ({ topic, partition, home, regional }: OffsetsQuery): OffsetsRequest => {
  const from = home === undefined ? 'regional' : 'home';
  const offset = home ?? regional;
  return {
    topic,
    partition: partition === undefined ? undefined : Number(partition),
    asked: offset === undefined ? undefined : { from, offset: BigInt(offset) },
  };
};
