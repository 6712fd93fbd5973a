/**
 * Why a request got no answer. `open`: the breaker of that host is open and nothing was sent; `refused`:
 * no connection, or it broke; `too_large`: the answer is above the size limit.
 */
export type HttpFailureKind = 'timeout' | 'refused' | 'tls' | 'open' | 'aborted' | 'too_large';

/** A request without an answer. Any status, 500 too, is an answer. */
export class HttpFailure extends Error {
  override readonly name = 'HttpFailure';
  readonly kind: HttpFailureKind;
  /** Scheme, host and port; never the path, the query or credentials. */
  readonly origin: string;

  constructor(kind: HttpFailureKind, origin: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.origin = origin;
  }
}

/** The kind that fits a failure of the socket, by its code. */
export function failureKind(error: unknown): 'refused' | 'tls' {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const tls = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_OSSL|EPROTO)/.test(code);
  return tls ? 'tls' : 'refused';
}
