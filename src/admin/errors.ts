import type { ErrorCode } from '../model/errors.ts';
import { type FarshoreError, findFarshoreError } from '../model/errors.ts';

/** Every answer that is not what was asked for. */
export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly place: string | null;
  readonly hint: string | null;
}

export interface ErrorAnswer {
  readonly status: number;
  readonly body: ErrorBody;
  /** Not the asker's fault: to be logged. */
  readonly isFailure: boolean;
}

/** A refusal by this server itself, before the daemon was asked. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly hint: string | undefined;

  constructor(status: number, message: string, hint?: string) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

export const errorBody = (code: ErrorCode, message: string, place?: string, hint?: string): ErrorBody => ({
  code,
  message,
  place: place ?? null,
  hint: hint ?? null,
});

/** What a request that failed is answered with. Errors of the HTTP library are told by their status, never by their text. */
export function answerError(error: unknown): ErrorAnswer {
  if (error instanceof Refusal) {
    return { status: error.status, body: errorBody('request_invalid', error.message, undefined, error.hint), isFailure: false };
  }
  const known = findFarshoreError(error);
  if (known !== undefined) return answerFarshoreError(known);
  const status = libraryStatus(error);
  if (status !== undefined) {
    return { status, body: errorBody('request_invalid', explainStatus(status, error as Error)), isFailure: false };
  }
  return { status: 500, body: errorBody('internal', 'The request failed inside the daemon; its log says how.'), isFailure: true };
}

function answerFarshoreError(error: FarshoreError): ErrorAnswer {
  const body = errorBody(error.code, error.message, error.place, error.hint);
  switch (error.action) {
    case 'reject':
    case 'stop':
      return { status: 409, body, isFailure: false };
    case 'retry':
      return { status: 503, body, isFailure: true };
    case 'halt':
      return { status: 500, body, isFailure: true };
  }
}

/** The 4xx status the HTTP library gave the error. */
function libraryStatus(error: unknown): number | undefined {
  const status = error instanceof Error ? (error as { statusCode?: unknown }).statusCode : undefined;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}

function explainStatus(status: number, error: Error): string {
  switch (status) {
    case 413:
      return 'The body is larger than this server takes.';
    case 415:
      return 'The body must be application/json.';
    default:
      return error.message;
  }
}
