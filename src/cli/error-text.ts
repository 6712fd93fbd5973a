import { ConfigProblems } from '../config/problems.ts';
import { HttpFailure } from '../http/http-failure.ts';
import { findFarshoreError } from '../model/errors.ts';
import { CliError, exitCodes, UsageError } from './io.ts';

export interface ErrorReport {
  readonly text: string;
  readonly exitCode: number;
}

/** An error as a person reads it: `error[code]: message`, `at: place`, `next: hint`, and the exit code that fits. */
export function reportError(error: unknown): ErrorReport {
  if (error instanceof UsageError) return { text: `error: ${error.message}\n`, exitCode: exitCodes.usage };
  if (error instanceof ConfigProblems) {
    const count = error.problems.length;
    const summary = `the configuration has ${count} problem${count === 1 ? '' : 's'}`;
    return { text: `${error.lines.join('\n')}\n${block(error.code, summary, undefined, error.hint)}`, exitCode: exitCodes.badConfig };
  }
  if (error instanceof CliError) return { text: block(error.code, error.message, error.place, error.hint), exitCode: exitCodes.failed };
  if (error instanceof HttpFailure) return { text: httpText(error), exitCode: exitCodes.failed };
  const known = findFarshoreError(error);
  if (known !== undefined) {
    const exitCode = known.code === 'config_invalid' ? exitCodes.badConfig : exitCodes.failed;
    return { text: block(known.code, known.message, known.place, known.hint), exitCode };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { text: block('internal', message, undefined, 'Please report it with this text.'), exitCode: exitCodes.failed };
}

function block(code: string, message: string, place: string | undefined, hint: string | undefined): string {
  const at = place === undefined ? '' : `  at: ${place}\n`;
  const next = hint === undefined ? '' : `  next: ${hint}\n`;
  return `error[${code}]: ${message}\n${at}${next}`;
}

const httpHints: Partial<Record<HttpFailure['kind'], string>> = {
  refused: 'Is the daemon running, and is this the address under admin.listen?',
  timeout: 'The daemon is busy or stuck; its log and /livez?verbose say more.',
};

const httpText = (error: HttpFailure): string =>
  block(error.kind === 'aborted' ? 'interrupted' : 'daemon_unreachable', error.message, error.origin, httpHints[error.kind]);
