import { AuthenticationError, NetworkError, ResponseError, UserError } from '@platformatic/kafka';
import { findFarshoreError } from '../model/errors.ts';
import { type ConnectionReason, closedInHandshake, closedInLogin, connectionReason, wantsTls } from './connection-reason.ts';
import { KafkaError } from './errors.ts';

/** How deep the client nests causes at most: response → authentication → network → socket. */
const MAX_CAUSES = 6;
const UNSUPPORTED_SASL_MECHANISM = 33;
const ILLEGAL_SASL_STATE = 34;

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

const problem = (place: string, { what, hint }: ConnectionReason, error: unknown): KafkaError =>
  new KafkaError('unreachable', 'NO_CONNECTION', `${place} cannot be used: ${what} (${reasonOf(error)})`, { cause: error, hint });

/** A connection that did not come about: `auth` when the credentials were refused, else `unreachable`. Nothing was sent. */
export function failedConnection(place: string, error: unknown): KafkaError {
  // No token to be had: what stands in the way is on this side.
  const own = findFarshoreError(error);
  if (own !== undefined) {
    return new KafkaError('auth', 'CREDENTIALS_REFUSED', `${place}: ${own.message}`, {
      cause: error,
      ...(own.hint === undefined ? {} : { hint: own.hint }),
    });
  }
  const handshake = handshakeFailure(place, error);
  if (handshake !== undefined) return handshake;
  const chain = [...causes(error)];
  const foreign = chain.find((cause) => cause instanceof UserError);
  // The client's word for a handshake that failed has the socket's error below it; the one for TLS on a plain socket has none.
  if (foreign !== undefined) return problem(place, foreign.cause === undefined ? wantsTls : closedInHandshake, error);
  const login = chain.findIndex((cause) => cause instanceof AuthenticationError);
  if (login >= 0) {
    // It said nothing: no refusal. Whoever wants TLS, or takes SASL for a broken request, closes like that.
    const closed = chain.slice(login).some((cause) => cause instanceof NetworkError);
    return closed ? problem(place, closedInLogin, error) : refused(place, error);
  }
  return new KafkaError('unreachable', 'NO_CONNECTION', `${place} cannot be reached: ${reasonOf(error)}`, { cause: error });
}

function handshakeFailure(place: string, error: unknown): KafkaError | undefined {
  for (const cause of causes(error)) {
    const reason = connectionReason('code' in cause ? cause.code : undefined);
    if (reason !== undefined) return problem(place, reason, error);
  }
  return undefined;
}

function refused(place: string, error: unknown): KafkaError {
  const answer = [...causes(error)].find((cause) => cause instanceof ResponseError);
  const [first] = answer?.errors ?? [];
  const code = first !== undefined && 'apiCode' in first ? Number(first.apiCode) : undefined;
  if (code === UNSUPPORTED_SASL_MECHANISM) {
    const { mechanisms = [] } = (answer?.response ?? {}) as { readonly mechanisms?: readonly string[] };
    return new KafkaError(
      'auth',
      'UNSUPPORTED_SASL_MECHANISM',
      `${place} does not offer this sasl.mechanism; it offers ${mechanisms.join(', ')}`,
      {
        cause: error,
        hint: 'Set sasl.mechanism to one of them, or enable it for this listener (sasl.enabled.mechanisms).',
      },
    );
  }
  if (code === ILLEGAL_SASL_STATE) {
    return new KafkaError('auth', 'ILLEGAL_SASL_STATE', `${place} takes no SASL login on this port`, {
      cause: error,
      hint: 'Use the port of the SASL listener, or take sasl out of the configuration.',
    });
  }
  const said =
    first !== undefined && 'serverErrorMessage' in first && typeof first.serverErrorMessage === 'string'
      ? first.serverErrorMessage
      : undefined;
  return new KafkaError('auth', 'CREDENTIALS_REFUSED', `${place} refused the credentials: ${said ?? reasonOf(error)}`, {
    cause: error,
    hint: 'Check sasl.mechanism, sasl.username and the secret of this cluster; a changed secret file is read by itself.',
  });
}

/**
 * A request that was given to a connection and failed. An answer with error numbers passes through:
 * each API reads its own. Everything else means that the broker may have carried it out.
 */
export function failedRequest(place: string, error: unknown): unknown {
  if (error instanceof ResponseError || findFarshoreError(error) !== undefined) return error;
  // Neither was a request to the other side: one refused the handshake, the other took it for one.
  const handshake = handshakeFailure(place, error);
  if (handshake !== undefined) return handshake;
  if (error instanceof UserError) return problem(place, wantsTls, error);
  const lost = error instanceof NetworkError || (error instanceof Error && 'code' in error && error.code === NetworkError.code);
  return lost
    ? new KafkaError('unknown_outcome', 'NO_ANSWER', `${place} did not answer: ${reasonOf(error)}`, { cause: error })
    : new KafkaError('unknown_outcome', 'UNREADABLE_ANSWER', `${place} gave an answer that cannot be read: ${reasonOf(error)}`, {
        cause: error,
      });
}
