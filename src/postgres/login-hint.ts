/** The next step when a login fails, by SQLSTATE or by the code of Node and OpenSSL. */
const untrusted = 'tls.caFile must hold the certificate of the authority that signed the server’s.';
const pooler =
  'A connection pooler answers like this (PgBouncer: ignore_startup_parameters). Give the address of the server itself: the lease and the settings of a session must hold.';

const hints: Readonly<Record<string, string>> = {
  '28P01': 'Check user and password in the address; a changed urlFile is read by itself.',
  '28000': 'No line of pg_hba.conf lets this user in like this: host, hostssl, certificate and database must fit.',
  '3D000': 'Create the database, or correct the address.',
  '08P01': pooler,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  CERT_SIGNATURE_FAILURE: untrusted,
  CERT_HAS_EXPIRED: 'Renew the server’s certificate; if it is valid, set the clock of this machine.',
  CERT_NOT_YET_VALID: 'Set the clock of this machine, or of the one that made the certificate.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'Use a name of the server’s certificate in the address, or set tls.serverName to one.',
};

export function loginHint(error: unknown): string | undefined {
  for (let current = error, depth = 0; current instanceof Error && depth < 10; current = current.cause, depth++) {
    const code = 'code' in current ? current.code : undefined;
    if (typeof code === 'string' && Object.hasOwn(hints, code)) return hints[code];
  }
  return undefined;
}
