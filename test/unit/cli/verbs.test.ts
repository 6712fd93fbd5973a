import { describe, expect, it } from 'vitest';
import { runCli } from '../../../src/cli/cli.ts';
import type { DaemonParts } from '../../../src/cli/daemon-parts.ts';
import { HttpFailure } from '../../../src/http/http-failure.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { Finding } from '../../../src/model/finding.ts';
import { configText, testIo } from './fixtures.ts';

const files = { '/etc/f.yaml': configText, '/etc/token': 'sesame\n', '/tmp/other': 'other\n' };

const daemon = (over: Partial<DaemonParts>): DaemonParts => ({ ...testIo().daemon, ...over });

describe('run', () => {
  it('gives the daemon the configuration and answers its exit code', async () => {
    const seen: string[] = [];
    const io = testIo({
      files,
      daemon: daemon({
        runDaemon: async (config, { configPath }) => {
          seen.push(config.region, configPath);
          return 1;
        },
      }),
    });
    expect(await runCli(['run', '--config', '/etc/f.yaml'], io)).toBe(1);
    expect(seen).toEqual(['eu-west', '/etc/f.yaml']);
  });

  it('ends with 78 and every problem when the configuration is bad', async () => {
    const io = testIo({ files: { '/etc/f.yaml': configText.replace('region: eu-west', 'regoin: eu-west').replace('mirror:', 'miror:') } });
    expect(await runCli(['run', '--config', '/etc/f.yaml'], io)).toBe(78);
    expect(io.err()).toContain('/etc/f.yaml:1:1: unknown key regoin (did you mean region?)\n');
    expect(io.err()).toContain('/etc/f.yaml:9:1: unknown key miror (did you mean mirror?)\n');
    expect(io.err()).toContain('error[config_invalid]: the configuration has 5 problems\n');
    expect(io.out()).toBe('');
  });

  it('tells what the daemon failed with, where, and what to do', async () => {
    const failure = new FarshoreError('cluster_wrong', 'Both ends are the same cluster', {
      place: 'primary us-east',
      hint: 'Mend primary.kafka.',
    });
    const io = testIo({ files, daemon: daemon({ runDaemon: async () => Promise.reject(failure) }) });
    expect(await runCli(['run', '--config', '/etc/f.yaml'], io)).toBe(1);
    expect(io.err()).toBe('error[cluster_wrong]: Both ends are the same cluster\n  at: primary us-east\n  next: Mend primary.kafka.\n');
  });
});

describe('check', () => {
  const findings: readonly Finding[] = [
    { area: 'primary kafka', level: 'ok', what: 'answers' },
    { area: 'tables', level: 'problem', what: 'farshore_version is missing', place: 'table public.plans', hint: 'alter table …' },
  ];
  const checking = (found: readonly Finding[]) => testIo({ files, daemon: daemon({ checkAll: async () => found }) });

  it('fails when there is a problem and prints its next step', async () => {
    const io = checking(findings);
    expect(await runCli(['check', '--config', '/etc/f.yaml'], io)).toBe(1);
    expect(io.out()).toBe(
      [
        'ok       primary kafka: answers',
        'problem  tables: farshore_version is missing (table public.plans)',
        '           next: alter table …',
        '1 problems, 0 warnings, 1 ok',
        '',
      ].join('\n'),
    );
  });

  it('succeeds with warnings only, and prints the same value as JSON', async () => {
    const io = checking([{ area: 'topics', level: 'warning', what: 'empty' }]);
    expect(await runCli(['check', '--config', '/etc/f.yaml', '-o', 'json'], io)).toBe(0);
    expect(JSON.parse(io.out())).toEqual({ ok: true, findings: [{ area: 'topics', level: 'warning', what: 'empty' }] });
  });
});

describe('partition log', () => {
  const action = {
    at: '2026-01-01T00:00:00.000Z',
    by: 'ada@gate',
    action: 'resume',
    stage: 'mirror',
    topic: 'billing.accounts',
    partition: 2,
    code: 'source_truncated',
    lost: { from: '3', to: '5' },
    options: { from: '5', acceptLoss: true, acceptRewind: false },
  };

  it('shows who did what, and what was given up', async () => {
    const io = testIo({ files, answer: { status: 200, body: JSON.stringify({ actions: [action] }) } });
    expect(await runCli(['partition', 'log', 'billing.accounts:2', '--url', 'http://h:1'], io)).toBe(0);
    expect(io.sent[0]?.url).toBe('http://h:1/api/partitions/log?topic=billing.accounts&partition=2&limit=100');
    const [, line] = io.out().split('\n');
    expect(line?.split(/ {2,}/)).toEqual([
      action.at,
      'ada@gate',
      'resume',
      'billing.accounts:2',
      'mirror',
      'source_truncated',
      'offsets 3 to 4, 2 records at most',
      'from=5 acceptLoss',
    ]);
  });
});

describe('lag --offsets', () => {
  const answer = (translation: unknown) => ({
    status: 200,
    body: JSON.stringify({
      partitions: [
        {
          topic: 'billing.accounts',
          partition: 0,
          homeTopicId: 'h',
          regionalTopicId: 'r',
          points: 2,
          first: { home: '0', regional: '0' },
          last: { home: '90', regional: '112' },
        },
      ],
      translation,
    }),
  });
  const ask = async (args: readonly string[], translation: unknown = null) => {
    const io = testIo({ files, answer: answer(translation) });
    const code = await runCli(['lag', '--url', 'http://h:1', ...args], io);
    return { code, out: io.out(), err: io.err(), url: io.sent[0]?.url };
  };

  it('shows what is kept', async () => {
    const { out, url } = await ask(['--offsets']);
    expect(url).toBe('http://h:1/api/offsets?');
    expect(out).toBe('PARTITION           POINTS  HOME     REGIONAL\nbilling.accounts:0  2       0 to 90  0 to 112\n');
  });

  it('C5: translates, and says what may be read again', async () => {
    const point = { from: 'home', asked: '40', at: { home: '30', regional: '35' }, next: { home: '60', regional: '70' } };
    const { out, url } = await ask(['--offsets', 'billing.accounts:0', '--home', '40'], point);
    expect(url).toBe('http://h:1/api/offsets?topic=billing.accounts&partition=0&home=40');
    expect(out).toBe('home 40: go on at regional 35; nothing is skipped, at most 35 offsets are read again\n');
    const older = await ask(['--offsets', 'billing.accounts:0', '--regional', '1'], { from: 'regional', asked: '1', at: null, next: null });
    expect(older.out).toBe('regional 1 is older than everything kept: start home from the earliest offset\n');
  });

  it.each([
    [['--home', '4']],
    [['--offsets', 't', '--home', '4']],
    [['--offsets', 't:0', '--home', '4', '--regional', '5']],
    [['--offsets', 't t']],
  ])('C5: refuses %j', async (args) => {
    const { code, url } = await ask(args);
    expect([code, url]).toEqual([2, undefined]);
  });
});

describe('migrate', () => {
  it('prints the SQL without a configuration', async () => {
    const io = testIo({ daemon: daemon({ printMigrations: async () => 'create schema farshore;\n' }) });
    expect(await runCli(['migrate', '--print'], io)).toBe(0);
    expect(io.out()).toBe('create schema farshore;\n');
  });

  it('names what it applied', async () => {
    const io = testIo({ files, daemon: daemon({ applyMigrations: async () => ['0001-initial'] }) });
    expect(await runCli(['migrate', '--config', '/etc/f.yaml'], io)).toBe(0);
    expect(io.out()).toBe('applied 0001-initial\n');
  });

  it('wants to know what to do', async () => {
    const io = testIo();
    expect(await runCli(['migrate'], io)).toBe(2);
    expect(io.err()).toContain('--print');
  });
});

describe('config', () => {
  it('prints what takes effect without a secret', async () => {
    const io = testIo({ files, env: { DATABASE_PASSWORD: 'canary' } });
    expect(await runCli(['config', 'print', '--config', '/etc/f.yaml'], io)).toBe(0);
    expect(io.out()).toContain('refreshSeconds: 30');
    expect(io.out()).not.toMatch(/canary|sesame/);
    const json = testIo({ files });
    await runCli(['config', 'print', '--config', '/etc/f.yaml', '-o', 'json'], json);
    expect(JSON.parse(json.out())).toMatchObject({ region: 'eu-west', regional: { database: { url: '[secret]' } } });
  });

  it('prints a JSON Schema that refuses unknown keys', async () => {
    const io = testIo();
    expect(await runCli(['config', 'schema'], io)).toBe(0);
    expect(JSON.parse(io.out())).toMatchObject({ additionalProperties: false, required: ['region', 'primary', 'regional', 'mirror'] });
  });
});

describe('verbs that ask the daemon', () => {
  it('find it and its token by the configuration, at an address that can be reached', async () => {
    const io = testIo({ files });
    expect(await runCli(['status', '--config', '/etc/f.yaml'], io)).toBe(0);
    expect(io.sent).toMatchObject([
      { url: 'http://127.0.0.1:8320/api/status', method: 'GET', headers: { authorization: 'Bearer sesame' } },
    ]);
  });

  it('prefer --url and --token-file', async () => {
    const io = testIo({ files });
    await runCli(['lag', '--config', '/etc/f.yaml', '--url', 'http://gate:1/', '--token-file', '/tmp/other'], io);
    expect(io.sent).toMatchObject([{ url: 'http://gate:1/api/status', headers: { authorization: 'Bearer other' } }]);
  });

  it('want to be told which daemon', async () => {
    const io = testIo();
    expect(await runCli(['status'], io)).toBe(2);
    expect(io.err()).toBe('error: name the daemon with --url URL or --config FILE\n');
  });

  it('say when it cannot be reached', async () => {
    const io = testIo({
      send: async () => Promise.reject(new HttpFailure('refused', 'http://gate:1', 'http://gate:1: no connection (ECONNREFUSED)')),
    });
    expect(await runCli(['lag', '--url', 'http://gate:1'], io)).toBe(1);
    expect(io.err()).toBe(
      'error[daemon_unreachable]: http://gate:1: no connection (ECONNREFUSED)\n  at: http://gate:1\n  next: Is the daemon running, and is this the address under admin.listen?\n',
    );
  });

  it('pass on the error it answers', async () => {
    const body = JSON.stringify({
      code: 'request_invalid',
      message: 'billing.x is not mirrored here',
      place: 'billing.x',
      hint: 'farshore partition list',
    });
    const io = testIo({ files, answer: { status: 400, body } });
    expect(await runCli(['partition', 'pause', 'billing.x', '--config', '/etc/f.yaml'], io)).toBe(1);
    expect(io.err()).toBe('error[request_invalid]: billing.x is not mirrored here\n  at: billing.x\n  next: farshore partition list\n');
  });

  it('say when something else answers there', async () => {
    const io = testIo({ answer: { status: 200, body: '<html>' } });
    expect(await runCli(['status', '--url', 'http://gate:1'], io)).toBe(1);
    expect(io.err()).toContain('error[answer_unexpected]: the answer, status 200, is not one of a Farshore daemon\n');
  });
});

describe('partition', () => {
  const resume = async (...args: readonly string[]) => {
    const io = testIo({ files, answer: { status: 200, body: '{}' } });
    const code = await runCli(['partition', 'resume', ...args, '--config', '/etc/f.yaml'], io);
    return { code, io, body: io.sent[0] === undefined ? undefined : JSON.parse(io.sent[0].body ?? '') };
  };

  it('resumes one partition with everything that was accepted, and says who asked', async () => {
    const flags = ['--stage', 'mirror', '--from', 'earliest', '--accept-loss', '--accept-recreated', '--accept-rewind'];
    const { code, io, body } = await resume('billing.invoices:3', ...flags);
    expect(code).toBe(0);
    expect(io.sent[0]).toMatchObject({ url: 'http://127.0.0.1:8320/api/partitions/resume', method: 'POST' });
    expect(body).toEqual({
      topic: 'billing.invoices',
      partition: 3,
      stage: 'mirror',
      from: 'earliest',
      acceptLoss: true,
      acceptRecreated: true,
      acceptRewind: true,
      by: 'ada@gate',
    });
    expect(io.out()).toBe('resumed billing.invoices:3\n');
  });

  it('accepts nothing that was not said', async () => {
    const { body } = await resume('billing.invoices', '--by', 'grace');
    expect(body).toEqual({ topic: 'billing.invoices', by: 'grace' });
  });

  it('keeps offsets above 2^53 exact', async () => {
    expect((await resume('a:0', '--from', '9007199254740993')).body).toMatchObject({ from: '9007199254740993' });
  });

  it.each([
    ['an offset that is none', ['a:0', '--from', 'latest']],
    ['a place that is none', ['a b']],
    ['a stage that is none', ['a:0', '--stage', 'audit']],
  ])('refuses %s', async (_name, args) => {
    const { code, io } = await resume(...args);
    expect(code).toBe(2);
    expect(io.sent).toEqual([]);
  });

  it('changes nothing without a token', async () => {
    const io = testIo();
    expect(await runCli(['partition', 'pause', 'a:0', '--url', 'http://gate:1'], io)).toBe(2);
    expect(io.err()).toContain('--token-file');
    expect(io.sent).toEqual([]);
  });
});

describe('the command line', () => {
  it.each([
    ['no verb', [], 2],
    ['an unknown verb', ['stauts'], 2],
    ['an unknown option', ['status', '--ulr', 'x'], 2],
    ['an unknown format', ['status', '-o', 'xml'], 2],
    ['a missing option', ['run'], 2],
    ['help', ['--help'], 0],
    ['the version', ['--version'], 0],
  ])('%s ends with its exit code', async (_name, args, code) => {
    expect(await runCli(args, testIo())).toBe(code);
  });

  it('tells which word was meant', async () => {
    const io = testIo();
    await runCli(['stauts'], io);
    expect(io.err()).toContain('Did you mean status?');
  });

  it('completes verbs and options', async () => {
    for (const shell of ['bash', 'zsh']) {
      const io = testIo();
      expect(await runCli(['completion', shell], io)).toBe(0);
      expect(io.out()).toContain('"partition resume") words="');
      expect(io.out()).toContain('--accept-rewind');
    }
  });

  it('shows the stack of an error nobody named, and asks for a report', async () => {
    const io = testIo({ files, daemon: daemon({ runDaemon: async () => Promise.reject(new TypeError('x of undefined')) }) });
    expect(await runCli(['run', '--config', '/etc/f.yaml'], io)).toBe(1);
    expect(io.err()).toMatch(/^error\[internal\]: TypeError: x of undefined/);
  });
});
