import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { SaslConfig } from '../config/config.ts';
import { FarshoreError } from '../model/errors.ts';

const run = promisify(execFile);
const COMMAND_LIMIT_MS = 10_000;
const MAX_TOKEN_BYTES = 1 << 20;

/**
 * The OAUTHBEARER token, read or asked for now. Rejects with `cluster_auth_failed`; neither the token nor anything the
 * command printed is in it.
 */
export async function readToken({ token, tokenCommand }: Pick<SaslConfig, 'token' | 'tokenCommand'>): Promise<string> {
  const text = (tokenCommand === undefined ? await fromFile(token?.file ?? '') : await fromCommand(tokenCommand)).trim();
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  const from = tokenCommand === undefined ? `The file ${token?.file}` : `The command ${tokenCommand[0]}`;
  throw noToken(`${from} gave ${text === '' ? 'nothing' : 'a text with blanks or control characters'} where a token should be`);
}

async function fromFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw noToken(`The token file ${file} cannot be read: ${codeOf(error)}`);
  }
}

async function fromCommand([program = '', ...args]: readonly string[]): Promise<string> {
  try {
    return (await run(program, args, { timeout: COMMAND_LIMIT_MS, maxBuffer: MAX_TOKEN_BYTES })).stdout;
  } catch (error) {
    const killed = error instanceof Error && 'killed' in error && error.killed === true;
    throw noToken(`The token command ${program} ${killed ? `did not end in ${COMMAND_LIMIT_MS} ms` : `failed: ${codeOf(error)}`}`);
  }
}

/** Not the message: it holds the command line and what was printed. */
const codeOf = (error: unknown): string => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'number' ? `exit code ${code}` : String(code ?? 'unknown reason');
};

const noToken = (message: string): FarshoreError =>
  new FarshoreError('cluster_auth_failed', message, {
    place: 'sasl',
    hint: 'Try it as the user that runs the daemon; the daemon asks again by itself.',
  });
