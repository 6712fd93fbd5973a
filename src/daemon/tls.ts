import type { ConnectionOptions } from 'node:tls';
import type { TlsConfig } from '../config/config.ts';

/** PEM texts out of their secrets; what is not configured is left out. */
export const pemTexts = ({ ca, cert, key }: Pick<TlsConfig, 'ca' | 'cert' | 'key'>): { ca?: string; cert?: string; key?: string } => ({
  ...(ca === undefined ? {} : { ca: ca.reveal() }),
  ...(cert === undefined ? {} : { cert: cert.reveal() }),
  ...(key === undefined ? {} : { key: key.reveal() }),
});

/** For Node: the server is verified whatever the environment says. */
export const tlsOptions = (tls: TlsConfig): ConnectionOptions => ({
  ...pemTexts(tls),
  rejectUnauthorized: true,
  minVersion: 'TLSv1.2',
  ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
});
