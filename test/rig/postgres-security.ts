import { chmod, chown, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { CertificateAuthority } from './certificates.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';
import { postgresInstall } from './postgres-install.ts';

/** A real PostgreSQL that lets the rig's superuser in as it is, and everybody else by TLS with SCRAM and a client certificate. */
export interface SecuredPostgres extends AsyncDisposable {
  readonly server: PostgresServer;
  readonly authority: CertificateAuthority;
  /** Runs SQL as superuser in one session. */
  admin(url: string, sql: readonly string[]): Promise<void>;
}

export async function startSecuredPostgres(name: string): Promise<SecuredPostgres> {
  const { user } = await postgresInstall();
  const folder = await mkdtemp(join(tmpdir(), `farshore-security-${name}-`));
  try {
    await chmod(folder, 0o755);
    const authority = await CertificateAuthority.create(folder);
    const certificate = await authority.issue('database');
    const own = async (source: string, file: string): Promise<string> => {
      const path = join(folder, file);
      await copyFile(source, path);
      await chmod(path, 0o600);
      if (user !== undefined) await chown(path, user.uid, user.gid);
      return path;
    };
    const hba = join(folder, 'hba.conf');
    await writeFile(
      hba,
      `host all postgres 127.0.0.1/32 trust
hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca
`,
    );
    await chmod(hba, 0o644);
    const server = await startPostgres({
      name,
      parameters: {
        ssl: 'on',
        ssl_cert_file: await own(certificate.certFile, 'server.pem'),
        ssl_key_file: await own(certificate.keyFile, 'server.key'),
        ssl_ca_file: await own(authority.caFile, 'server-ca.pem'),
        password_encryption: 'scram-sha-256',
        hba_file: hba,
      },
    });
    return {
      server,
      authority,
      async admin(url, sql) {
        const client = new pg.Client({ connectionString: url });
        await client.connect();
        try {
          for (const statement of sql) await client.query(statement);
        } finally {
          await client.end();
        }
      },
      async [Symbol.asyncDispose]() {
        await server[Symbol.asyncDispose]();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
