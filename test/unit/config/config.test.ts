import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { exampleConfig } from '../../../src/cli/example-config.ts';
import { parseAdmin, parseConfig } from '../../../src/config/parse.ts';
import { plainConfig, printConfig } from '../../../src/config/print.ts';
import { ConfigProblems } from '../../../src/config/problems.ts';
import { Secret } from '../../../src/config/secret.ts';
import { filesOf } from './read-file.ts';

const CANARY = 'canary-7f3a';

const files = {
  '/etc/farshore/ca.pem': `PEM ${CANARY}\n`,
  '/etc/farshore/schemas/x': '',
  '/run/secrets/kafka': `${CANARY}\n`,
  '/run/secrets/regional-db': `postgres://farshore:${CANARY}@10.1.0.9/app\n`,
  '/run/secrets/admin-token': `${CANARY}\r\n`,
};

const full = `region: eu-west
primary:
  name: us-east
  kafka: { brokers: ["10.0.0.1:9092"], tls: { caFile: ca.pem }, sasl: { mechanism: scram-sha-512, username: farshore, passwordFile: /run/secrets/kafka } }
  registry: { url: "https://registry.us-east:8081", username: u, password: "\${PASSWORD}" }
  database: { url: "postgres://reader:\${PASSWORD}@10.0.0.9/app" }
  heartbeat: { topic: farshore.heartbeat, intervalMs: "\${INTERVAL:-2500}", enabled: "\${HEARTBEAT}" }
regional:
  kafka: { brokers: ["10.1.0.1:9092", "[::1]:9092"] }
  database: { urlFile: /run/secrets/regional-db }
mirror:
  topics: ["billing.*"]
  exclude: ["billing.internal.*"]
apply:
  schema: validate
  tables:
    - topic: billing.invoices
      table: finance.invoices
      key: [id]
      version: updated_at
      columns: { total: amount_total }
    - topic: billing.accounts
      version: [epoch, at]
admin: { listen: "127.0.0.1:8320", tokenFile: /run/secrets/admin-token }
log: { level: info }
`;

const options = {
  file: '/etc/farshore/farshore.yaml',
  env: { PASSWORD: CANARY, HEARTBEAT: 'false', TRICK: 'x, y: [1' },
  readFile: filesOf(files),
};

describe('a configuration', () => {
  it('has every key of the design', () => {
    const config = parseConfig(full, options);
    expect(config.primary.heartbeat).toEqual({ enabled: false, topic: 'farshore.heartbeat', intervalMs: 2500 });
    expect(config.regional.database.url.reveal()).toBe(`postgres://farshore:${CANARY}@10.1.0.9/app`);
    expect(config.regional.database).toMatchObject({ statementTimeoutMs: 30_000, lockTimeoutMs: 5_000 });
    expect(config.admin.token?.reveal()).toBe(CANARY);
    expect(config.primary.kafka.sasl).toMatchObject({ mechanism: 'scram-sha-512', username: 'farshore' });
    expect(config.apply.tables).toEqual([
      { topic: 'billing.invoices', table: 'finance.invoices', key: ['id'], version: ['updated_at'], columns: { total: 'amount_total' } },
      { topic: 'billing.accounts', table: 'public.accounts', key: undefined, version: ['epoch', 'at'], columns: undefined },
    ]);
  });

  it('fills in the defaults', () => {
    const config = parseConfig(full, options);
    expect(config.mirror).toEqual({
      topics: ['billing.*'],
      exclude: ['billing.internal.*'],
      prefix: '',
      refreshSeconds: 30,
      shards: 1,
      minRetentionSeconds: 604_800,
      recommitSeconds: 43_200,
      standby: false,
      onTruncated: 'stop',
      onRecreated: 'stop',
      transactionTimeoutMs: 15_000,
      maxCycleBytes: 16_777_216,
      maxPartitionFetchBytes: 8_388_608,
      fetchMaxWaitMs: 1_000,
      configExclude: [],
    });
    expect(config.apply).toMatchObject({ schema: 'validate', connections: 4, maxBatchRecords: 5000, maxBatchBytes: 8_388_608 });
    expect(config.limits.bufferBytes).toBe(67_108_864);
    expect(config.lease.ttlMs).toBe(10_000);
    expect(config.regional.kafka).toMatchObject({ clientId: 'farshore', requestTimeoutMs: 10_000, tls: undefined, sasl: undefined });
  });

  it('resolves relative paths from its own folder and remembers where secrets came from', () => {
    const config = parseConfig(full.replace(/registry: .*/, 'registry: { directory: ./schemas }'), options);
    expect(config.primary.registry).toEqual({ kind: 'directory', directory: '/etc/farshore/schemas' });
    expect(config.primary.kafka.tls?.ca?.file).toBe('/etc/farshore/ca.pem');
    expect(config.regional.database.url.file).toBe('/run/secrets/regional-db');
  });

  it('never lets a reference become structure', () => {
    const config = parseConfig(full.replace('username: u,', `username: "\${TRICK}",`), options);
    expect(config.primary.registry).toMatchObject({ username: 'x, y: [1' });
  });

  it('takes the default for a variable that is not set, and for one that is empty', () => {
    for (const env of [options.env, { ...options.env, INTERVAL: '' }]) {
      expect(parseConfig(full, { ...options, env }).primary.heartbeat.intervalMs).toBe(2500);
    }
    expect(parseConfig(full, { ...options, env: { ...options.env, INTERVAL: '300' } }).primary.heartbeat.intervalMs).toBe(300);
  });

  it('keeps a doubled dollar as a literal one', () => {
    const config = parseConfig(
      full.replace('username: u,', () => `username: "$\${TRICK}",`),
      options,
    );
    expect(config.primary.registry).toMatchObject({ username: `\${TRICK}` });
  });

  it('keeps text that a reference gave where text belongs, also when it looks like a number', () => {
    const config = parseConfig(full, { ...options, env: { ...options.env, PASSWORD: '12345' } });
    expect(config.primary.registry).toMatchObject({ kind: 'http', password: expect.any(Secret) });
  });

  it('is what init prints', () => {
    const config = parseConfig(exampleConfig, options);
    expect(config.apply.tables.map(({ table }) => table)).toEqual(['public.invoices', 'public.accounts']);
  });
});

describe('secrets', () => {
  it('are in no printed, inspected or serialised form', () => {
    const config = parseConfig(full, options);
    for (const text of [
      printConfig(config),
      JSON.stringify(plainConfig(config)),
      JSON.stringify(config),
      inspect(config, { depth: 20, showHidden: true }),
    ]) {
      expect(text).not.toContain(CANARY);
    }
    const hooks = parseConfig(
      `${full}
cutover:
  hooks:
    - { on: ready, url: "https://hooks.example/services/${CANARY}?token=${CANARY}" }
    - { on: ready, command: [curl, -H, "Authorization: Bearer ${CANARY}"] }
`,
      options,
    );
    expect(printConfig(hooks)).not.toContain(CANARY);
    expect(plainConfig(hooks)).toMatchObject({
      cutover: { hooks: [{ url: 'https://hooks.example' }, { command: ['curl', '[hidden]', '[hidden]'] }] },
    });
    const sasl = (program: string) => ({ mechanism: 'oauthbearer', tokenCommand: [program, '[hidden]', '[hidden]'] });
    const commands = parseConfig(
      `region: west
primary: { name: east, kafka: { brokers: ["a:1"], tls: {}, sasl: { mechanism: oauthbearer, tokenCommand: [/bin/token, --secret, ${CANARY}] } } }
regional:
  kafka: { brokers: ["b:1"], tls: {}, sasl: { mechanism: oauthbearer, tokenCommand: [/bin/other, --secret, ${CANARY}] } }
  database: { url: "postgres://u@db/app" }
mirror: { topics: ["a.*"] }
`,
      options,
    );
    expect(printConfig(commands)).not.toContain(CANARY);
    expect(plainConfig(commands)).toMatchObject({
      primary: { kafka: { sasl: sasl('/bin/token') } },
      regional: { kafka: { sasl: sasl('/bin/other') } },
    });
    expect(`${config.admin.token}`).toBe('[secret]');
    expect(printConfig(config)).toContain('tokenFile: /run/secrets/admin-token');
  });

  it.each([
    ['where a word of a list belongs', full.replace('level: info', `level: "\${PASSWORD}"`)],
    ['where a number belongs', full.replace(`"\${INTERVAL:-2500}"`, `"\${PASSWORD}"`)],
    ['as an address', full.replace(/url: "postgres:[^"]*"/, `url: "\${PASSWORD}"`)],
    ['as an alias', full.replace(/password: "[^"]*"/, `password: *${CANARY}`)],
    ['as a tag', full.replace(/password: "[^"]*"/, `password: !${CANARY} x`)],
    ['with a colon that lost its space', full.replace(/password: "[^"]*"/, `password:${CANARY}`)],
    ['as a map', full.replace(/password: "[^"]*"/, `password: { ${CANARY}: 1 }`)],
    ['in a quote that is not closed', full.replace(/password: "[^"]*"/, `password: "${CANARY}`)],
    ['as a number', full.replace(/password: "[^"]*"/, 'password: 123454321')],
    ['in a broken reference', full.replace(/password: "[^"]*"/, `password: "\${${CANARY}"`)],
  ])('are in no problem: %s', (_name, yaml) => {
    let problems: unknown;
    try {
      parseConfig(yaml, options);
    } catch (error) {
      problems = error;
    }
    expect(problems).toBeInstanceOf(ConfigProblems);
    expect(inspect(problems, { depth: 20, showHidden: true })).not.toContain(CANARY);
    expect((problems as ConfigProblems).lines.join('\n')).not.toMatch(/canary|123454321/);
  });
});

describe('the admin part alone', () => {
  it('needs no other secret, variable or key', () => {
    const admin = parseAdmin(full, { file: options.file, env: {}, readFile: filesOf({ '/run/secrets/admin-token': 't\n' }) });
    expect(admin.listen).toBe('127.0.0.1:8320');
    expect(admin.token?.reveal()).toBe('t');
  });

  it('has the default address when it is not written', () => {
    expect(parseAdmin('region: a\n', { ...options, env: {} })).toEqual({ listen: '127.0.0.1:8320', token: undefined });
  });

  it('tells its own problems', () => {
    expect(() => parseAdmin('admin: { lisen: x }\n', options)).toThrow('1:10: unknown key lisen (did you mean listen?)');
  });
});
