import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/parse.ts';
import { printConfig } from '../../../src/config/print.ts';
import { ConfigProblems } from '../../../src/config/problems.ts';
import { repositoryRoot } from '../../rig/paths.ts';
import { filesOf } from './read-file.ts';

const CANARY = 'canary-91c';
const files = {
  '/etc/primary-token': `Bearer ${CANARY}\n`,
  '/etc/region-token': `Bearer ${CANARY}\n`,
  '/etc/cookie': `session=${CANARY}\n`,
  '/etc/ca.pem': 'PEM\n',
};

const base = `region: eu-west
primary: { name: us-east, kafka: { brokers: ["10.0.0.1:9092"] } }
regional:
  kafka: { brokers: ["10.1.0.1:9092"] }
  database: { url: "postgres://farshore@10.1.0.9/app" }
mirror: { topics: ["billing.*"] }
`;

const parse = (text: string) => parseConfig(base + text, { file: '/etc/c.yaml', env: {}, readFile: filesOf(files) });

function problemsOf(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ConfigProblems) return error.lines.join('\n');
    throw error;
  }
  return '';
}

const shadow = (more = '', primary = 'url: "http://billing.svc:8080"'): string =>
  `shadow:\n  targets:\n    primary: { ${primary} }\n    region: { url: "http://10.0.0.4:8080" }\n${more}`;

describe('the configuration of the shadow', () => {
  it('is as docs/shadow.md writes it', () => {
    const documented = /```yaml\n(?<yaml>[\s\S]*?)```/.exec(readFileSync(join(repositoryRoot, 'docs/shadow.md'), 'utf8'))?.groups?.yaml;
    const config = parse(documented ?? '').shadow;
    expect(config).toMatchObject({ enabled: true, sample: 1, maxPerSecond: 50, safe: ['POST /search'], originalUri: false });
    expect(config?.targets.region).toMatchObject({ url: 'http://billing.svc:8080', allowPrivate: true });
    expect(config?.targets.primary.authorization?.reveal()).toBe(`Bearer ${CANARY}`);
  });

  it('takes secrets from files, and prints none of them', () => {
    const config = parse(shadow('', `url: "https://b.example", authorization: "Bearer ${CANARY}", cookieFile: cookie, caFile: ca.pem`));
    expect(config.shadow?.targets.primary.cookie?.reveal()).toBe(`session=${CANARY}`);
    expect(config.shadow?.targets.primary.ca?.reveal()).toBe('PEM');
    expect(printConfig(config)).not.toContain(CANARY);
    expect(printConfig(config)).toContain('cookieFile: /etc/cookie');
  });

  it.each([
    ['a metadata address', shadow('', 'url: "http://169.254.169.254"'), 'link-local, metadata or multicast'],
    ['one in disguise', shadow('', 'url: "http://[::ffff:a9fe:a9fe]"'), 'link-local, metadata or multicast'],
    ['a target with a path', shadow('', 'url: "http://billing.svc/api"'), 'scheme, host and port only'],
    ['a target with credentials', shadow('', 'url: "http://u:p@billing.svc"'), 'the address holds credentials'],
    ['another protocol', shadow('', 'url: "ftp://billing.svc"'), 'no http:// or https:// address'],
    ['a secret twice', shadow('', 'url: "http://b.svc", cookie: a, cookieFile: cookie'), 'cookie and cookieFile are both given'],
    ['a secret that is not there', shadow('', 'url: "http://b.svc", authorizationFile: gone'), 'gone cannot be read'],
    ['a credential for both sides', shadow('  headers: { set: { Authorization: x } }'), 'is a credential of one side'],
    ['a header of the framing', shadow('  headers: { set: { Content-Length: "0" } }'), 'Content-Length cannot be set'],
    ['a method in disguise', shadow('  headers: { set: { X-HTTP-Method-Override: DELETE } }'), 'cannot be set'],
    ['a header with a line break', shadow('  headers: { set: { X: "a\\r\\nb" } }'), 'printable ASCII only'],
    ['no route', shadow('  safe: ["/search"]'), 'this is no route'],
    ['a tunnel', shadow('  safe: ["CONNECT /search"]'), 'this is no route'],
    ['two servers at one address', shadow('  listen: "127.0.0.1:8320"'), 'where the admin server listens'],
    ['two doors at one address', shadow('  listen: "127.0.0.1:1"\n  proxyListen: "127.0.0.1:1"'), 'are the same'],
    ['a header nobody listens to', shadow('  originalUri: true'), 'originalUri is for shadow.listen'],
  ])('refuses %s', (_what, text, problem) => {
    expect(problemsOf(text)).toContain(problem);
    expect(problemsOf(text)).not.toContain(CANARY);
  });
});
