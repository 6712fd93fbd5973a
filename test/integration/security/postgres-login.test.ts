import { readFile } from 'node:fs/promises';
import { connect as connectTcp, createServer } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { DatabaseTls } from '../../../src/postgres/options.ts';
import { type Certificate, CertificateAuthority } from '../../rig/certificates.ts';
import { type SecuredPostgres, startSecuredPostgres } from '../../rig/postgres-security.ts';
import { never, openDatabase } from '../postgres-fixtures.ts';

const right = 'canary-right-3d';
const wrong = 'canary-wrong-4e';

describe('a login at a real PostgreSQL', () => {
  let postgres: SecuredPostgres;
  let foreign: CertificateAuthority;
  let client: Certificate;

  beforeAll(async () => {
    postgres = await startSecuredPostgres('login');
    await postgres.admin(postgres.server.url, [`create role farshore login password '${right}'`]);
    client = await postgres.authority.issue('farshore');
    foreign = await CertificateAuthority.create(join(postgres.authority.folder, 'foreign'));
  });
  afterAll(async () => await postgres?.[Symbol.asyncDispose]());

  const text = async (file: string): Promise<string> => await readFile(file, 'utf8');
  const trusting = async (): Promise<DatabaseTls> => ({
    ca: await text(postgres.authority.caFile),
    cert: await text(client.certFile),
    key: await text(client.keyFile),
  });
  const url = (password: string, host = '127.0.0.1', mode = '?sslmode=verify-full'): string =>
    `postgres://farshore:${password}@${host}:${postgres.server.port}/postgres${mode}`;

  async function login(address: string, tls: DatabaseTls | undefined): Promise<FarshoreError | undefined> {
    const database = openDatabase(address, tls === undefined ? {} : { tls });
    try {
      await database.checkServer(never);
      return undefined;
    } catch (error) {
      if (!(error instanceof FarshoreError)) throw error;
      const shown = inspect(error, { depth: 12, showHidden: true }) + JSON.stringify(error);
      for (const secret of [right, wrong]) expect(shown).not.toContain(secret);
      return error;
    } finally {
      await database.close();
    }
  }

  it('lets in by TLS, SCRAM and client certificate', async () => {
    expect(await login(url(right), await trusting())).toBeUndefined();
  });

  it.each<[string, () => Promise<readonly [string, DatabaseTls | undefined]>, string, RegExp]>([
    ['a wrong password', async () => [url(wrong), await trusting()], 'database_auth_failed', /user and password/],
    ['no client certificate', async () => [url(right), { ca: (await trusting()).ca ?? '' }], 'database_auth_failed', /pg_hba/],
    ['no TLS', async () => [url(right, '127.0.0.1', '?sslmode=disable'), undefined], 'database_auth_failed', /pg_hba/],
    [
      'a foreign authority',
      async () => [url(right), { ...(await trusting()), ca: await text(foreign.caFile) }],
      'database_unreachable',
      /tls\.caFile/,
    ],
    [
      'another name',
      async () => [url(right), { ...(await trusting()), serverName: 'db.example' }],
      'database_unreachable',
      /tls\.serverName/,
    ],
  ])('%s: says what is wrong, where, and the next step', async (_what, given, code, hint) => {
    const failure = await login(...(await given()));
    expect(failure?.code).toBe(code);
    expect(failure?.place).toContain(`127.0.0.1:${postgres.server.port}`);
    expect(failure?.hint).toMatch(hint);
  });

  it('refuses a connection pooler, which hands out numbers of its own for the sessions it lends', async () => {
    const pooler = createServer((near) => {
      const far = connectTcp(postgres.server.port, '127.0.0.1');
      near.on('error', () => far.destroy()).on('close', () => far.destroy());
      far.on('error', () => near.destroy()).on('close', () => near.destroy());
      near.pipe(far);
      far.on('data', (data: Buffer) => near.write(withOtherBackendKey(data)));
    });
    await new Promise<void>((resolve) => pooler.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void pooler.close());
    const { port } = pooler.address() as { readonly port: number };
    const database = openDatabase(`postgres://postgres:x@127.0.0.1:${port}/postgres`);
    onTestFinished(async () => await database.close());
    await expect(database.checkServer(never)).rejects.toMatchObject({
      code: 'database_unsupported',
      hint: expect.stringContaining('the server itself'),
    });
  });
});

/** BackendKeyData is K, its length, and the number of the server process. */
function withOtherBackendKey(data: Buffer): Buffer {
  const at = data.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]));
  if (at >= 0) data.writeInt32BE(77, at + 5);
  return data;
}
