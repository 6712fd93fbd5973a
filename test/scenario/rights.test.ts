import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { printMigrations } from '../../src/daemon/migrate.ts';
import type { Finding } from '../../src/model/finding.ts';
import { createTopic, eventually, kafkajsFor } from '../rig/context.ts';
import { type SecuredKafka, startSecuredKafka } from '../rig/kafka-security.ts';
import { Oracle } from '../rig/oracle.ts';
import { repositoryRoot } from '../rig/paths.ts';
import { type SecuredPostgres, startSecuredPostgres } from '../rig/postgres-security.ts';
import { rowTable, rowValue, TestDaemon } from './daemon.ts';

const run = promisify(execFile);
const topic = 'billing.rights';
const kafkaPassword = 'canary-kafka-55';
const databasePassword = 'canary-database-66';
const SUPERUSER_DATABASE = 'region';
const HOME_DATABASE = 'home';

/** Every login restricted to what the scripts under deploy give, and those very scripts. */
describe('least rights', () => {
  let primary: SecuredKafka;
  let regional: SecuredKafka;
  let postgres: SecuredPostgres;
  let oracle: Oracle;
  let daemon: TestDaemon;
  let adminUrl: string;
  let homeUrl: string;

  beforeAll(async () => {
    const plainUser = { username: 'nobody', password: 'unused' };
    [primary, regional, postgres, oracle] = await Promise.all([
      startSecuredKafka({ name: 'rights-primary', plainUser, authorizer: true }),
      startSecuredKafka({ name: 'rights-regional', plainUser, authorizer: true }),
      startSecuredPostgres('rights'),
      Oracle.start(),
    ]);
    await Promise.all([primary.setScramPassword('farshore', kafkaPassword), regional.setScramPassword('farshore', kafkaPassword)]);
    await createTopic(primary.bootstrap, { topic });
    adminUrl = await postgres.server.createDatabase(SUPERUSER_DATABASE);
    await postgres.admin(adminUrl, [
      `create role farshore login password '${databasePassword}'`,
      await printMigrations(),
      rowTable('rights'),
    ]);
    homeUrl = await postgres.server.createDatabase(HOME_DATABASE);
    await postgres.admin(homeUrl, [`create role farshore_reader login password '${databasePassword}'`, rowTable('rights')]);
    const client = await postgres.authority.issue('farshore');
    const login = (kafka: SecuredKafka): string =>
      `tls: { caFile: ${kafka.authority.caFile} }, sasl: { mechanism: scram-sha-512, username: farshore, passwordFile: kafka-password }`;
    daemon = await TestDaemon.create({
      primary: primary.secured.saslTls,
      regional: regional.secured.saslTls,
      database: 'database-url',
      region: 'west',
      topics: ['billing.*'],
      tables: [`{ topic: ${topic}, table: public.rights, version: version }`],
      heartbeat: true,
      primaryDatabase: 'primary-database-url',
      extra: ['outbox: { enabled: true }'],
      primaryLogin: login(primary),
      regionalLogin: login(regional),
      databaseTls: `tls: { caFile: ${postgres.authority.caFile}, certFile: ${client.certFile}, keyFile: ${client.keyFile} }`,
      files: {
        'kafka-password': kafkaPassword,
        'primary-database-url': `postgres://farshore_reader:${databasePassword}@127.0.0.1:${postgres.server.port}/${HOME_DATABASE}?sslmode=verify-full`,
        'database-url': `postgres://farshore:${databasePassword}@127.0.0.1:${postgres.server.port}/${SUPERUSER_DATABASE}?sslmode=verify-full`,
      },
    });
  });

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await oracle?.[Symbol.asyncDispose]();
    await Promise.all([primary, regional, postgres].map((server) => server?.[Symbol.asyncDispose]()));
  });

  async function check(file = daemon.configFile): Promise<readonly Finding[]> {
    const args = [join(repositoryRoot, 'src/main.ts'), 'check', '--config', file, '--output', 'json'];
    const { stdout, stderr } = await run(process.execPath, args).catch((error: { stdout: string; stderr: string }) => error);
    for (const secret of [kafkaPassword, databasePassword]) expect(stdout + stderr).not.toContain(secret);
    if (stdout === '') throw new Error(stderr);
    return (JSON.parse(stdout) as { readonly findings: readonly Finding[] }).findings;
  }
  const problems = (findings: readonly Finding[]): readonly Finding[] => findings.filter(({ level }) => level === 'problem');

  const script = async (kafka: SecuredKafka, side: 'primary' | 'regional', ...more: readonly string[]): Promise<void> => {
    const args = [side, '--principal', 'User:farshore', '--topics', 'billing.*', '--region', 'west', '--primary-name', 'us-east', ...more];
    await run(join(repositoryRoot, 'deploy/kafka/acls.sh'), [...args, '--', '--bootstrap-server', kafka.bootstrap], {
      env: { ...process.env, KAFKA_ACLS: kafka.aclsProgram },
    });
  };

  const rows = async (): Promise<number> => {
    const client = new pg.Client({ connectionString: adminUrl });
    await client.connect();
    try {
      return Number((await client.query('select count(*) as n from rights')).rows[0].n);
    } finally {
      await client.end();
    }
  };

  const produce = async (from: number, count: number): Promise<void> => {
    const producer = kafkajsFor(primary.bootstrap).producer();
    await producer.connect();
    const messages = Array.from({ length: count }, (_, i) => ({ key: String(from + i), value: rowValue(from + i, 'note', 1) }));
    await producer.send({ topic, messages });
    await producer.disconnect();
  };

  it('check names what is missing, with what gives it', async () => {
    const found = problems(await check());
    const said = found.map(({ what, hint }) => `${what} · ${hint}`).join('\n');
    expect(said).toMatch(
      /User:farshore lacks Describe on topic farshore\.heartbeat .*--allow-principal 'User:farshore' --topic 'farshore\.heartbeat' --operation Describe/,
    );
    expect(said).toMatch(/farshore\.west\.us-east\.0.*/);
    expect(said).toMatch(
      /lacks Write on transactional-id farshore\.outbox\.west .*--transactional-id 'farshore\.outbox\.west' --operation Write/,
    );
    expect(said).toMatch(/lacks Describe on topic __farshore\.topics/);
    expect(said).toContain(
      'Role farshore_reader lacks select on table public.rights · grant select on "public"."rights" to "farshore_reader";',
    );
    expect(said).toMatch(/grant usage on schema "?farshore"? to "?farshore"?/);
  });

  it('the scripts give what is needed: check has no problem left, and rows arrive', async () => {
    await Promise.all([script(primary, 'primary'), script(regional, 'regional', '--outbox')]);
    const roles = await readFile(join(repositoryRoot, 'deploy/postgres/roles.sql'), 'utf8');
    await postgres.admin(adminUrl, ["set farshore.role = 'farshore'", "set farshore.tables = 'public.rights'", roles]);
    const reader = [
      "set farshore.role = 'farshore_reader'",
      "set farshore.side = 'primary'",
      "set farshore.tables = 'public.rights'",
      roles,
    ];
    await postgres.admin(homeUrl, reader);
    expect(problems(await check())).toEqual([]);
    await produce(0, 50);
    await daemon.start();
    await eventually(async () => (await rows()) === 50, { deadlineMs: 60_000, everyMs: 300, what: '50 rows' });
    expect((await oracle.consume({ bootstrap: regional.bootstrap, topic, isolation: 'read_committed' })).records).toHaveLength(50);
    await eventually(
      async () =>
        (await oracle.consume({ bootstrap: regional.bootstrap, topic: 'farshore.heartbeat.us-east', isolation: 'read_committed' })).records
          .length > 3,
      { everyMs: 500, what: 'heartbeats' },
    );
    expect(await daemon.log()).not.toContain('"event":"outbox_failed"');
  });

  it('check names the rights at the primary that a cutover needs, and --cutover gives them: the first move froze the primary, and fell back', async () => {
    const written = await readFile(daemon.configFile, 'utf8');
    const file = daemon.configFile.replace(/\.yaml$/, '.cutover.yaml');
    const database = '{ urlFile: primary-database-url }';
    await writeFile(file, `${written}\ncutover: { primaryDatabase: ${database}, freeze: { roles: [writer] } }\n`);
    const missing = async () => problems(await check(file)).filter(({ area }) => area === 'primary kafka');
    expect((await missing()).map(({ what }) => what)).toEqual([
      'User:farshore lacks Create on topic __farshore.topics',
      'User:farshore lacks Write on transactional-id farshore.us-east.west.0',
    ]);
    await script(primary, 'primary', '--cutover');
    expect(await missing()).toEqual([]);
  });

  it('check names the one right that was taken away', async () => {
    const args = ['--bootstrap-server', regional.bootstrap, '--force', '--remove', '--allow-principal', 'User:farshore'];
    await run(regional.aclsProgram, [
      ...args,
      '--transactional-id',
      'farshore.west.us-east.',
      '--resource-pattern-type',
      'prefixed',
      '--operation',
      'Write',
    ]);
    const [only, ...others] = problems(await check());
    expect(others).toEqual([]);
    expect(only?.what).toBe('User:farshore lacks Write on transactional-id farshore.west.us-east.0');
  });

  it('the daemon waits for a right that was taken away, and goes on by itself when it is given back', async () => {
    await produce(50, 50);
    await eventually(async () => /TRANSACTIONAL_ID_AUTHORIZATION_FAILED|transactional id/.test(await daemon.log()), {
      what: 'the daemon saying what it lacks',
    });
    expect(await rows()).toBe(50);
    await script(regional, 'regional');
    await eventually(async () => (await rows()) === 100, { deadlineMs: 60_000, everyMs: 300, what: '100 rows' });
    const records = (await oracle.consume({ bootstrap: regional.bootstrap, topic, isolation: 'read_committed' })).records;
    expect(records.map(({ key }) => key?.toString())).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
    for (const secret of [kafkaPassword, databasePassword]) expect(await daemon.log()).not.toContain(secret);
  });

  it.each([
    ['the topic at home, to read', () => primary, 'primary', 'Read', /The primary refuses to let Farshore read billing\.rights/],
    ['the topic at home, to describe', () => primary, 'primary', 'Describe', /billing\.rights is not listed at home any more/],
    [
      'the topic in the region, to read',
      () => regional,
      'regional',
      'Read',
      /The regional cluster refuses to let Farshore read billing\.rights/,
    ],
  ] as const)('goes on by itself when a lost right on %s is given back', async (_what, kafkaOf, side, operation, said) => {
    const kafka = kafkaOf();
    const before = await rows();
    const logged = (await daemon.log()).length;
    const principal = ['--bootstrap-server', kafka.bootstrap, '--force', '--allow-principal', 'User:farshore'];
    // Describe comes with Read: without it the topic is not even listed.
    for (const lost of operation === 'Describe' ? ['Describe', 'Read', 'DescribeConfigs'] : [operation]) {
      await run(kafka.aclsProgram, [
        ...principal,
        '--remove',
        '--topic',
        'billing.',
        '--resource-pattern-type',
        'prefixed',
        '--operation',
        lost,
      ]);
    }
    await eventually(async () => said.test((await daemon.log()).slice(logged)), {
      deadlineMs: 60_000,
      what: 'the daemon saying what it lacks',
    });
    await produce(1_000 + before, 10);
    expect(await rows()).toBe(before);
    const stopped = await daemon.status();
    expect(stopped.partitions.find((p) => p.topic === topic)?.[side === 'primary' ? 'mirror' : 'apply']?.state).toBe('stopped');
    await script(kafka, side);
    await eventually(async () => (await rows()) === before + 10, { deadlineMs: 60_000, everyMs: 300, what: '10 more rows' });
    const resumed = (await daemon.log()).slice(logged).match(/"event":"partition_resumed"[^\n]*"by":"mended"/g);
    expect(resumed).toHaveLength(1);
    // Once for each thing it found lacking, and not at each trial.
    const stops = (await daemon.log()).slice(logged).match(/"event":"partition_stopped"/g);
    expect(stops?.length).toBeLessThanOrEqual(operation === 'Describe' ? 3 : 1);
  });

  it('a topic that may not be written in the region stops alone, heartbeats go on, and it is mended when the right is given back', async () => {
    const before = await rows();
    const logged = (await daemon.log()).length;
    const removed = ['--bootstrap-server', regional.bootstrap, '--force', '--allow-principal', 'User:farshore', '--remove'];
    await run(regional.aclsProgram, [
      ...removed,
      ...['--topic', 'billing.', '--resource-pattern-type', 'prefixed', '--operation', 'Write'],
    ]);
    await produce(2_000, 10);
    const stateOf = async () => (await daemon.status()).partitions.find((p) => p.topic === topic)?.mirror;
    await eventually(async () => (await stateOf())?.code === 'cluster_denied', { deadlineMs: 60_000, what: 'the topic stopping' });
    const beats = async () =>
      (await oracle.consume({ bootstrap: regional.bootstrap, topic: 'farshore.heartbeat.us-east', isolation: 'read_committed' })).records
        .length;
    const known = await beats();
    await eventually(async () => (await beats()) > known + 2, { deadlineMs: 60_000, everyMs: 500, what: 'heartbeats beside it' });
    expect((await stateOf())?.state).toBe('stopped');
    expect(await rows()).toBe(before);
    await script(regional, 'regional');
    await eventually(async () => (await rows()) === before + 10, { deadlineMs: 60_000, everyMs: 300, what: '10 more rows' });
    expect((await daemon.log()).slice(logged).match(/"event":"partition_stopped"/g)).toHaveLength(1);
  });

  it('a new database password counts from the next connection on, with the same lease and no row lost or doubled', async () => {
    const { leaseEpoch } = await daemon.status();
    const next = 'canary-database-next-88';
    await postgres.admin(adminUrl, [`alter role farshore password '${next}'`]);
    const address = await readFile(join(daemon.folder, 'database-url'), 'utf8');
    await writeFile(join(daemon.folder, 'database-url'), address.replace(databasePassword, next));
    await eventually(async () => (await daemon.log()).includes('reloaded regional.database.urlFile'), { what: 'the reload' });
    await postgres.admin(adminUrl, ["select pg_terminate_backend(pid) from pg_stat_activity where usename = 'farshore'"]);
    const before = await rows();
    await produce(100, 50);
    await eventually(async () => (await rows()) === before + 50, { deadlineMs: 60_000, everyMs: 300, what: '50 more rows' });
    expect(await daemon.status()).toMatchObject({ role: 'active', leaseEpoch });
    expect(await daemon.log()).not.toContain(next);
  });

  it('no secret is in anything the daemon or the command line says', async () => {
    const paths = ['/api/status', '/api/lag', '/api/partitions', '/metrics', '/livez', '/readyz', '/', '/nothing'];
    const bodies = await Promise.all(paths.map(async (path) => await (await fetch(`${daemon.url}${path}`)).text()));
    const printed = await run(process.execPath, [join(repositoryRoot, 'src/main.ts'), 'config', 'print', '--config', daemon.configFile]);
    const said = [...bodies, printed.stdout, printed.stderr, await daemon.log()].join('\n');
    for (const secret of ['canary-', 'scenario-token']) expect(said).not.toContain(secret);
    expect(printed.stdout).toContain('passwordFile');
  });
});
