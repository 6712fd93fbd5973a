import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** Key and certificate in one file, as a Kafka broker wants them. */
  readonly bothFile: string;
}

export interface CertificateOptions {
  /** As openssl writes them; default `IP:127.0.0.1,DNS:localhost`. */
  readonly names?: string;
  /** As openssl ca writes times, `20200101000000Z`; default now, for ten days. */
  readonly from?: string;
  readonly to?: string;
}

/** A certificate authority of its own, in a folder, by the openssl program. */
export class CertificateAuthority {
  readonly folder: string;
  readonly caFile: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.caFile = join(folder, 'ca.pem');
  }

  static async create(folder: string): Promise<CertificateAuthority> {
    await mkdir(folder, { recursive: true });
    const authority = new CertificateAuthority(folder);
    await writeFile(join(folder, 'index.txt'), '');
    await writeFile(join(folder, 'serial'), '01\n');
    await writeFile(join(folder, 'ca.cnf'), configuration(folder));
    const subject = `/CN=rig-ca-${randomBytes(3).toString('hex')}`;
    await authority.#openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '10',
      '-subj',
      subject,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-config',
      'ca.cnf',
      '-extensions',
      'authority',
    );
    return authority;
  }

  async issue(name: string, options: CertificateOptions = {}): Promise<Certificate> {
    const { names = 'IP:127.0.0.1,DNS:localhost', from, to } = options;
    const file = `${name}-${randomBytes(3).toString('hex')}`;
    await writeFile(join(this.folder, `${file}.ext`), `subjectAltName=${names}\n`);
    await this.#openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${file}.key`,
      '-out',
      `${file}.csr`,
      '-config',
      'ca.cnf',
    );
    const times = [...(from === undefined ? [] : ['-startdate', from]), ...(to === undefined ? ['-days', '10'] : ['-enddate', to])];
    await this.#openssl(
      'ca',
      '-batch',
      '-config',
      'ca.cnf',
      '-notext',
      ...times,
      '-in',
      `${file}.csr`,
      '-out',
      `${file}.pem`,
      '-extfile',
      `${file}.ext`,
    );
    const path = (suffix: string): string => join(this.folder, `${file}.${suffix}`);
    await writeFile(path('both'), (await readFile(path('key'), 'utf8')) + (await readFile(path('pem'), 'utf8')));
    return { certFile: path('pem'), keyFile: path('key'), bothFile: path('both') };
  }

  async #openssl(...args: readonly string[]): Promise<void> {
    await run('openssl', args, { cwd: this.folder });
  }
}

const configuration = (folder: string): string => `[ca]
default_ca = rig
[rig]
dir = ${folder}
database = ${folder}/index.txt
serial = ${folder}/serial
new_certs_dir = ${folder}
certificate = ${folder}/ca.pem
private_key = ${folder}/ca.key
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
[authority]
basicConstraints = critical,CA:true
subjectKeyIdentifier = hash
keyUsage = keyCertSign,cRLSign
`;
