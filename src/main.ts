#!/usr/bin/env node
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { runCli } from './cli/cli.ts';
import { daemonParts } from './cli/daemon-parts.ts';
import { systemFiles } from './config/load.ts';
import { sendRequest } from './http/request.ts';

const stop = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.on(name, () => {
    if (stop.signal.aborted) process.exit(1);
    stop.abort(new Error(name));
  });
}
// A reader that has seen enough (`farshore lag | head`) closes the pipe; that is not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };

const exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  color: process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === '',
  env: process.env,
  readFile: systemFiles,
  writeFile: (path, text, how) => writeFileSync(path, text, { flag: how === 'new' ? 'wx' : 'w' }),
  signal: stop.signal,
  send: sendRequest,
  prompt: process.stdin.isTTY === true ? askAtTerminal : undefined,
  daemon: daemonParts,
  version,
  operator: `${userName()}@${hostname()}`,
});
// Ends also when something still holds the event loop; what was written must be out first.
process.stdout.write('', () => process.exit(exitCode));

async function askAtTerminal(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(question, { signal: stop.signal });
  } finally {
    terminal.close();
  }
}

/** A container may run under a uid that has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}
