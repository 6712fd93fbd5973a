import { describe, expect, it } from 'vitest';
import { runCli } from '../../../src/cli/cli.ts';
import { configText, testIo } from '../cli/fixtures.ts';
import { commandsIn, filesBelow } from './documents.ts';

/** Placeholders stand in capitals; a command is tried with something in their place. */
const examples: Readonly<Record<string, string>> = {
  'TOPIC:N': 'billing.invoices:0',
  'TOPIC[:N]': 'billing.invoices:0',
  '[TOPIC[:N]]': '',
  TOPIC: 'billing.invoices',
  TABLE: 'public.invoices',
  OFFSET: '42',
  'ID…': '7 8',
  ID: '7',
  CODE: 'row_refused',
  TIME: '2026-01-31T12:00:00Z',
  FILE: 'farshore.yaml',
  NAME: 'ada',
  TEXT: 'reason',
  BROKERS: '10.0.0.1:9092',
  HOST: 'host',
};

function wordsOf(command: string): readonly string[] {
  const bare = command.replace(/ [|>].*$/, '');
  return bare
    .split(/\s+/)
    .slice(1)
    .flatMap((word) => (examples[word] ?? word).split(' '))
    .filter((word) => word !== '' && word !== '…');
}

/** Whether the CLI takes the words. What it would do is not done: its parser stops it at the help that is asked for last. */
async function verdict(words: readonly string[]): Promise<string> {
  const io = testIo({ files: { 'farshore.yaml': configText, token: 'secret' }, answer: { status: 599, body: '' } });
  const where = words.includes('--config') || words.includes('--url') ? [] : ['--config', 'farshore.yaml'];
  const needsDaemon =
    !['config', 'init', 'completion', 'help'].includes(words[0] ?? '') && !words.includes('--help') && !words.includes('--version');
  const code = await runCli([...words, ...(needsDaemon ? where : [])], io);
  // A verb that is only named, as in a sentence about it, lacks its arguments.
  if (words.every((word) => /^[a-z]+$/.test(word)) && io.err().includes('missing required argument')) return 'taken';
  // 2 is what it does not take; that the daemon gives no answer comes after that.
  return code === 2 ? io.err() : 'taken';
}

describe('commands in the runbooks', () => {
  const commands = [...filesBelow('docs/runbooks', ['.md']), ...filesBelow('docs', ['getting-started.md', 'migration-guide.md'])].flatMap(
    ({ path, text }) => commandsIn(text).map((command) => [path, command] as const),
  );

  it.each(commands)('%s: %s', async (_path, command) => {
    expect(await verdict(wordsOf(command))).toBe('taken');
  });

  it('are found at all, and one that does not exist is told', async () => {
    expect(commands.length).toBeGreaterThan(30);
    expect(await verdict(['partition', 'skip', 'billing.invoices'])).toContain("unknown command 'skip'");
    expect(await verdict(['partition', 'resume', 'billing.invoices', '--accept-everything'])).toContain('unknown option');
  });
});
