import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/parse.ts';
import { partToTake, planReload } from '../../../src/daemon/reload-plan.ts';
import { filesOf } from '../config/read-file.ts';

const text = `region: west
primary:
  name: east
  kafka: { brokers: ["a:1"], tls: { caFile: ca }, sasl: { mechanism: scram-sha-512, username: u, passwordFile: password } }
regional:
  kafka: { brokers: ["b:1"] }
  database: { urlFile: url }
mirror: { topics: ["a.*"] }
log: { level: info }
`;
const files = { '/f/ca': 'ca one', '/f/password': 'secret one', '/f/url': 'postgres://u:secret1@db/app' };

const config = (change: (text: string) => string = (same) => same, changed: Readonly<Record<string, string>> = {}) =>
  parseConfig(change(text), { file: '/f/farshore.yaml', env: {}, readFile: filesOf({ ...files, ...changed }) });

describe('planReload', () => {
  it('finds nothing in the same configuration', () => {
    expect(planReload(config(), config())).toEqual({ changed: [], restart: [], reconnects: false });
  });

  it('takes new secrets, which need new connections, and says no secret', () => {
    const plan = planReload(
      config(),
      config(undefined, { '/f/password': 'secret two', '/f/ca': 'ca two', '/f/url': 'postgres://u:secret2@db/app' }),
    );
    expect(plan).toEqual({
      changed: ['primary.kafka.sasl.passwordFile', 'primary.kafka.tls.caFile', 'regional.database.urlFile'],
      restart: [],
      reconnects: true,
    });
    expect(JSON.stringify(plan)).not.toMatch(/secret|ca two/);
  });

  it.each([
    ['log.level', 'level: info', 'level: debug'],
    ['mirror.topics', 'topics: ["a.*"]', 'topics: ["a.*", "b"]'],
    ['mirror.exclude', 'topics: ["a.*"]', 'topics: ["a.*"], exclude: ["a.x"]'],
  ])('takes %s without new connections', (key, from, to) => {
    expect(
      planReload(
        config(),
        config((t) => t.replace(from, to)),
      ),
    ).toEqual({ changed: [key], restart: [], reconnects: false });
  });

  it.each([
    ['region', 'region: west', 'region: north'],
    ['primary.kafka.brokers', '["a:1"]', '["a:2"]'],
    ['mirror.prefix', 'topics: ["a.*"]', 'topics: ["a.*"], prefix: "x."'],
    ['regional.kafka.tls', 'brokers: ["b:1"]', 'brokers: ["b:1"], tls: {}'],
  ])('refuses %s, which needs a restart', (key, from, to) => {
    expect(
      planReload(
        config(),
        config((t) => t.replace(from, to)),
      ).restart,
    ).toEqual([key]);
  });

  it.each(['postgres://u:secret1@other/app', 'postgres://u:secret1@db/other', 'postgres://u:secret1@db:5433/app'])(
    'refuses another database server or database: %s',
    (url) => {
      expect(planReload(config(), config(undefined, { '/f/url': url }))).toMatchObject({
        changed: [],
        restart: ['regional.database.urlFile'],
      });
    },
  );
});

describe('the primary’s databases', () => {
  const withBoth = (t: string) =>
    t
      .replace('primary:\n', 'primary:\n  database: { urlFile: source, tls: { caFile: ca2 } }\n')
      .replace('log:', 'cutover: { primaryDatabase: { urlFile: admin } }\nlog:');
  const at = (source: string, admin: string, ca = 'one') =>
    config(withBoth, { '/f/source': `postgres://r:${source}/app`, '/f/admin': `postgres://a:${admin}/app`, '/f/ca2': ca });
  const running = at('old@home', 'old@home');

  it('are logged in to anew with a rotated password or certificate, without a restart', () => {
    const next = at('new@home', 'new@home', 'two');
    expect(planReload(running, next)).toEqual({
      changed: ['cutover.primaryDatabase.urlFile', 'primary.database.tls.caFile', 'primary.database.urlFile'],
      restart: [],
      reconnects: true,
    });
    expect(partToTake(running, next)).toBe(next);
  });

  it('are exchanged for another server by a restart only, each by itself', () => {
    const next = at('new@elsewhere', 'new@home', 'two');
    expect(planReload(running, next)).toMatchObject({
      changed: ['cutover.primaryDatabase.urlFile'],
      restart: ['primary.database.tls.caFile', 'primary.database.urlFile'],
    });
    expect(planReload(running, at('old@home', 'old@elsewhere')).restart).toEqual(['cutover.primaryDatabase.urlFile']);
    // One that was not there before, or is not there any more.
    expect(planReload(config(), running).restart).toContain('primary.database.urlFile');
    expect(planReload(running, config()).restart).toContain('primary.database.urlFile');
  });
});

describe('partToTake', () => {
  const withSource = (t: string) => t.replace('primary:\n', 'primary:\n  database: { urlFile: source }\n');
  const sources = (url: string) => ({ '/f/source': url });
  const running = () => config(withSource, sources('postgres://r:old@home/app'));

  it('takes a new login also while another secret waits for a restart, which it keeps and names each time', () => {
    const first = config(withSource, { ...sources('postgres://r:old@elsewhere/app'), '/f/password': 'secret two' });
    expect(planReload(running(), first)).toMatchObject({
      changed: ['primary.kafka.sasl.passwordFile'],
      restart: ['primary.database.urlFile'],
    });
    const taken = partToTake(running(), first)!;
    expect(taken.primary.kafka.sasl?.password?.reveal()).toBe('secret two');
    expect(taken.primary.database?.url.reveal()).toBe('postgres://r:old@home/app');
    const second = config(withSource, { ...sources('postgres://r:old@elsewhere/app'), '/f/password': 'secret three' });
    expect(planReload(taken, second).restart).toEqual(['primary.database.urlFile']);
    expect(partToTake(taken, second)?.primary.kafka.sasl?.password?.reveal()).toBe('secret three');
  });

  it('takes an edited configuration whole or not at all', () => {
    const edited = (t: string) => withSource(t).replace('level: info', 'level: debug');
    expect(partToTake(running(), config(edited, sources('postgres://r:old@home/app')))?.log.level).toBe('debug');
    expect(partToTake(running(), config(edited, sources('postgres://r:old@elsewhere/app')))).toBeUndefined();
  });

  it('takes no certificates of another database server before the restart that goes there', () => {
    const withTls = (t: string) => t.replace('database: { urlFile: url }', 'database: { urlFile: url, tls: { caFile: ca2 } }');
    const files = (ca: string, url: string) => ({ '/f/ca2': ca, '/f/url': url });
    const before = config(withTls, files('one', 'postgres://u:secret1@db/app'));
    const next = config(withTls, files('two', 'postgres://u:secret1@other/app'));
    expect(planReload(before, next).restart).toEqual(['regional.database.tls.caFile', 'regional.database.urlFile']);
    expect(partToTake(before, next)?.regional.database.tls?.ca?.reveal()).toBe('one');
  });
});
