import { type ErrorCode, errorCodes } from '../../model/errors.ts';
import type { ErrorBody } from '../errors.ts';
import { named, oneOf, orNull, type SchemaOf, text } from './schema-of.ts';

export const errorCode: SchemaOf<ErrorCode> = oneOf(Object.keys(errorCodes) as ErrorCode[]);

/** Every answer that is not what was asked for. */
export const errorAnswer = named<ErrorBody>('Error', { code: errorCode, message: text, place: orNull(text), hint: orNull(text) });
