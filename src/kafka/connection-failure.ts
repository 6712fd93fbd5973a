import { AuthenticationError, NetworkError, ResponseError } from '@platformatic/kafka';
import { findFarshoreError } from '../model/errors.ts';
import { KafkaError } from './errors.ts';

/** How deep the client nests causes at most: response → authentication → network → socket. */
const MAX_CAUSES = 6;

function* causes(error: unknown): Generator<Error> {
  let current = error;
  for (let depth = 0; current instanceof Error && depth < MAX_CAUSES; depth++) {
    yield current;
    current = current.cause;
  }
}

/** The innermost reason as people read it: `connect ECONNREFUSED 127.0.0.1:9092`. */
function reasonOf(error: unknown): string {
  let reason = String(error);
  for (const cause of causes(error)) {
    if (cause.message !== '') reason = cause.message;
    // A host with several addresses fails with one error each and an empty message.
    if (cause instanceof AggregateError && cause.message === '') reason = cause.errors.map((one) => (one as Error).message).join(', ');
  }
  return reason;
}

/** A connection that did not come about: `auth` when the credentials were refused, else `unreachable`. Nothing was sent. */
export function failedConnection(place: string, error: unknown): KafkaError {
  for (const cause of causes(error)) {
    if (cause instanceof AuthenticationError) {
      return new KafkaError('auth', 'CREDENTIALS_REFUSED', `${place} refused the credentials: ${reasonOf(error)}`, {
        cause: error,
        hint: 'Check sasl.mechanism, sasl.username and the password of this cluster.',
      });
    }
  }
  return new KafkaError('unreachable', 'NO_CONNECTION', `${place} cannot be reached: ${reasonOf(error)}`, { cause: error });
}

/**
 * A request that was given to a connection and failed. An answer with error numbers passes through:
 * each API reads its own. Everything else means that the broker may have carried it out.
 */
export function failedRequest(place: string, error: unknown): unknown {
  if (error instanceof ResponseError || findFarshoreError(error) !== undefined) return error;
  const lost = error instanceof NetworkError || (error instanceof Error && 'code' in error && error.code === NetworkError.code);
  return lost
    ? new KafkaError('unknown_outcome', 'NO_ANSWER', `${place} did not answer: ${reasonOf(error)}`, { cause: error })
    : new KafkaError('unknown_outcome', 'UNREADABLE_ANSWER', `${place} gave an answer that cannot be read: ${reasonOf(error)}`, {
        cause: error,
      });
}
