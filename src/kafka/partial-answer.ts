import { ProtocolError, ResponseError } from '@platformatic/kafka';
import { KafkaError, protocolError } from './errors.ts';

/**
 * The answer of a request, also when some of its parts carry error numbers: the client rejects the
 * whole for one of them, while each topic or partition is judged by its own.
 */
export async function evenWithErrors<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof ResponseError && error.response !== undefined) return error.response as T;
    throw error;
  }
}

/** The first error number of a refused answer as a KafkaError; anything else as it is. */
export function asKafkaError(error: unknown, doing: string): unknown {
  if (error instanceof KafkaError || !(error instanceof ResponseError)) return error;
  for (const one of error.errors) {
    if (!(one instanceof ProtocolError)) continue;
    const said: unknown = one.serverErrorMessage;
    const message = typeof said === 'string' && said !== '' ? `${doing} (${said})` : doing;
    return protocolError(Number(one.apiCode), message, { cause: error });
  }
  return error;
}
