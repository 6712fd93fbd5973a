/** What kept a connection from coming about, with the next step. */
export interface ConnectionReason {
  readonly what: string;
  readonly hint: string;
}

const untrusted: ConnectionReason = {
  what: 'its certificate comes from no authority that is trusted',
  hint: 'tls.caFile must hold the certificate of the authority that signed the broker’s.',
};
const badClientCertificate: ConnectionReason = {
  what: 'it refuses the client certificate',
  hint: 'tls.certFile must be signed by an authority the broker trusts (ssl.truststore) and be valid now.',
};
const noClientCertificate: ConnectionReason = {
  what: 'it wants a client certificate that it trusts',
  hint: 'Set tls.certFile and tls.keyFile, signed by an authority of the broker’s ssl.truststore.',
};
const noTlsThere: ConnectionReason = {
  what: 'it does not speak TLS on this port',
  hint: 'Use the port of the TLS listener, or take tls out of the configuration.',
};

/** Codes of Node and OpenSSL. */
const byCode: Readonly<Record<string, ConnectionReason>> = {
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  CERT_SIGNATURE_FAILURE: untrusted,
  CERT_UNTRUSTED: untrusted,
  CERT_HAS_EXPIRED: {
    what: 'its certificate has expired',
    hint: 'Renew the broker’s certificate; if it is valid, set the clock of this machine.',
  },
  CERT_NOT_YET_VALID: {
    what: 'its certificate is not valid yet',
    hint: 'Set the clock of this machine, or of the one that made the certificate.',
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    what: 'its certificate is for another name',
    hint: 'Use a name of the certificate under brokers and in advertised.listeners, or set tls.serverName to one.',
  },
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: noClientCertificate,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: noClientCertificate,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: noClientCertificate,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: badClientCertificate,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: badClientCertificate,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: badClientCertificate,
  ERR_SSL_WRONG_VERSION_NUMBER: noTlsThere,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: noTlsThere,
};

/** By the code of an error in the chain; undefined for what is plain network trouble. Newer OpenSSLs say SSL/TLS for SSLV3. */
export const connectionReason = (code: unknown): ConnectionReason | undefined =>
  typeof code === 'string' ? byCode[code.replace('ERR_SSL_SSL/TLS_', 'ERR_SSL_SSLV3_')] : undefined;

/** The client's own word for bytes of TLS that came on a plain connection. */
export const wantsTls: ConnectionReason = {
  what: 'it speaks TLS on this port',
  hint: 'Set tls of this cluster (tls: {} trusts the authorities of the system), or use the port of the plain listener.',
};

/** The peer closed in the middle of the handshake: a Kafka that takes the greeting of TLS for an oversized request does that. */
export const closedInHandshake: ConnectionReason = {
  what: 'it closed the connection during the TLS handshake',
  hint: 'Check that the port is that of a TLS listener.',
};

export const closedInLogin: ConnectionReason = {
  what: 'it closed the connection during the login without an answer',
  hint: 'It may speak TLS on this port: set tls of this cluster, or use the port of the listener without it.',
};
