import { describe, expect, it } from 'vitest';
import { runCli } from '../../../src/cli/cli.ts';
import type { FarshoreConfig } from '../../../src/config/config.ts';
import { parseConfig } from '../../../src/config/parse.ts';
import type { Survey } from '../../../src/model/survey.ts';
import { testIo } from './fixtures.ts';

const found: Survey = {
  topics: [
    { topic: 'billing.invoices', partitions: 3, obstacle: undefined, noTable: undefined },
    { topic: 'billing.logs', partitions: 1, obstacle: undefined, noTable: 'no table of this name in the region' },
    { topic: 'crm.people', partitions: 1, obstacle: { why: 'its home is us-west', next: undefined }, noTable: undefined },
  ],
  tables: [
    {
      ...{ topic: 'billing.invoices', table: 'public.invoices', key: ['id'], keyIsPrimary: true, preset: undefined, unaudited: undefined },
      version: { field: 'updated_at', type: 'timestamp-micros' },
      obstacles: [],
    },
  ],
  heartbeatGrant: undefined,
  databaseAsked: true,
  registryAsked: true,
};
const clusters = ['--primary', '10.0.0.1:9092,10.0.0.2:9092', '--regional', '10.1.0.1:9092', '--region', 'eu', '--primary-name', 'us'];

function asked(survey: Survey = found, over: Parameters<typeof testIo>[0] = {}) {
  const seen: { readonly config: FarshoreConfig; readonly database: boolean }[] = [];
  const io = testIo({
    ...over,
    daemon: {
      ...testIo().daemon,
      survey: async (config, { database }) => {
        seen.push({ config, database });
        return survey;
      },
    },
  });
  return { io, seen };
}

const parsed = (text: string): FarshoreConfig =>
  parseConfig(text, { file: 'farshore.yaml', env: {}, readFile: () => 'postgres://farshore:secret@db/app' });

describe('init', () => {
  it('prints the example and asks nobody without an address', async () => {
    const io = testIo();
    expect(await runCli(['init'], io)).toBe(0);
    expect(parsed(io.out()).region).toBe('eu-west');
    expect(io.err()).toBe('');
  });

  it('asks with what it was told, and writes a configuration that says the same', async () => {
    const { io, seen } = asked();
    const args = [
      'init',
      ...clusters,
      '--database',
      'postgres://farshore@db/app',
      '--registry',
      'http://registry:8081',
      '--config',
      'new.yaml',
    ];
    expect(await runCli(args, io)).toBe(0);
    expect(seen[0]?.database).toBe(true);
    const config = parsed(io.written.get('new.yaml') ?? '');
    expect(config.primary.kafka).toEqual(seen[0]?.config.primary.kafka);
    expect(config.regional).toEqual(seen[0]?.config.regional);
    expect(config.mirror.topics).toEqual(['billing.invoices', 'billing.logs']);
    expect(config.apply.tables).toMatchObject([{ topic: 'billing.invoices', table: 'public.invoices', version: ['updated_at'] }]);
    expect(io.written.get('new.yaml')).toContain('    # Not as things are: its home is us-west\n    # - "crm.people"\n');
    expect(io.out()).toBe('');
    expect(io.err()).toMatch(/2 of 3 topics to mirror, 1 of 1 tables to apply.*\nnext: farshore check --config new\.yaml\n$/);
  });

  it('asks with a password and writes none: the file that belongs there is named', async () => {
    const { io, seen } = asked();
    const args = [
      'init',
      ...clusters,
      '--database',
      'postgres://farshore:canary-1@db/app',
      '--primary-database',
      'postgres://r:canary-2@p/app',
    ];
    expect(await runCli([...args, '--registry', '/schemas'], io)).toBe(0);
    expect(seen[0]?.config.regional.database.url.reveal()).toBe('postgres://farshore:canary-1@db/app');
    expect(io.out() + io.err()).not.toContain('canary');
    expect(io.out()).toContain('  database: { urlFile: regional-database.url }\n');
    expect(io.err()).toContain('into regional-database.url beside the configuration, mode 600');
    expect(parsed(io.out()).regional.database.url.reveal()).toBe('postgres://farshore:secret@db/app');
  });

  it('tells a table that cannot be applied from one that can, with its statement', async () => {
    const table = { ...found.tables[0]!, obstacles: [{ why: 'no column\nfarshore_version', next: 'alter table x;' }] };
    const { io } = asked({ ...found, tables: [table] });
    expect(await runCli(['init', ...clusters, '--database', 'postgres://f@db/app', '--registry', '/schemas'], io)).toBe(0);
    expect(io.out()).toContain(
      '    # Not as things are: no column farshore_version\n    # alter table x;\n    # - topic: "billing.invoices"\n',
    );
    expect(parsed(io.out()).apply.tables).toEqual([]);
    expect(io.err()).toContain('let more tables be applied:\n  alter table x;\n');
  });

  it('keeps what strangers named in its place: no line break of theirs becomes a key', async () => {
    const named = { ...found.tables[0]!, table: 'public.in\nregion: x', version: { field: 'at\n', type: 'timestamp-x\nregion: y' } };
    const hostile = { ...named, obstacles: [{ why: 'no\nregion: z', next: 'a\r\nregion: w' }], unaudited: 'b\nregion: v' };
    const { io } = asked({ ...found, tables: [named, hostile] });
    expect(await runCli(['init', ...clusters, '--database', 'postgres://f@db/app', '--registry', '/schemas'], io)).toBe(0);
    expect(
      io
        .out()
        .split(/[\r\n]+/)
        .filter((line) => /^\W*region: /.test(line)),
    ).toEqual(['region: "eu"']);
  });

  it('turns heartbeats off where the login may not write them, and says how it may', async () => {
    const { io } = asked({ ...found, heartbeatGrant: 'kafka-acls.sh --add' });
    expect(await runCli(['init', ...clusters, '--registry', '/schemas'], io)).toBe(0);
    expect(parsed(io.out()).primary.heartbeat.enabled).toBe(false);
    expect(io.out()).toContain('# kafka-acls.sh --add\n');
  });

  it('asks at a terminal for what is missing, and names an example where nothing is said', async () => {
    const questions: string[] = [];
    const answers = ['10.0.0.1:9092', '10.1.0.1:9092', '', '', '', 'eu', 'us'];
    const prompt = async (question: string): Promise<string> => {
      questions.push(question);
      return answers[questions.length - 1] ?? '';
    };
    const { io, seen } = asked(found, { prompt });
    expect(await runCli(['init'], io)).toBe(0);
    expect(questions).toHaveLength(7);
    expect(seen).toMatchObject([{ config: { region: 'eu', primary: { name: 'us' } }, database: false }]);
    const silent = asked(found, { prompt: async () => '' });
    expect(await runCli(['init'], silent.io)).toBe(0);
    expect(silent.seen).toEqual([]);
    expect(silent.io.out()).toContain('region: eu-west\n');
  });

  it.each([
    [['--primary', '10.0.0.1:9092'], '--regional BROKERS is missing'],
    [['--database', 'postgres://f@db/app'], '--database needs the clusters'],
    [[...clusters, '--primary-user', 'ada'], '--primary-user and --primary-password-file belong together'],
  ])('refuses half a command line: %j', async (args, said) => {
    const { io, seen } = asked();
    expect(await runCli(['init', ...args], io)).toBe(2);
    expect(io.err()).toContain(said);
    expect(seen).toEqual([]);
  });

  it('leaves a file as it is without --force', async () => {
    const { io } = asked(found, { files: { 'farshore.yaml': 'mine' } });
    expect(await runCli(['init', '--config', 'farshore.yaml'], io)).toBe(1);
    expect(io.err()).toContain('error[file_exists]');
    expect(io.written.size).toBe(0);
    expect(await runCli(['init', '--config', 'farshore.yaml', '--force'], io)).toBe(0);
    expect(io.written.get('farshore.yaml')).toContain('region: eu-west');
  });
});
