import type { SchemaRequest } from './contracts.ts';

const name = { type: 'string', minLength: 1, maxLength: 250 } as const;

export const schemaQuerySchema = { type: 'object', additionalProperties: false, properties: { topic: name, table: name } } as const;

export interface SchemaQuery {
  readonly topic?: string;
  readonly table?: string;
}

export const schemaRequest = ({ topic, table }: SchemaQuery): SchemaRequest => ({ topic, table });
