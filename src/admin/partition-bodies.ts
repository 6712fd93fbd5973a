import type { PauseRequest, ResumeRequest } from './contracts.ts';

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
