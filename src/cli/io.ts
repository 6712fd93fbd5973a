import type { HttpAnswer, HttpRequest } from '../http/request.ts';
import type { DaemonParts } from './daemon-parts.ts';

export interface TextSink {
  write(text: string): unknown;
}

/** Everything a verb touches outside itself; main.ts gives the process's own. */
export interface CliIo {
  /** Data only, so that it can be piped. */
  readonly stdout: TextSink;
  /** Talk: errors, hints, progress. */
  readonly stderr: TextSink;
  /** Whether the person at stdout wants colours (a terminal, and NO_COLOR not set). */
  readonly color: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Throws with the system's error code when the file cannot be read. */
  readonly readFile: (path: string) => string;
  /** Throws with the system's error code; `new` refuses a file that exists with EEXIST. */
  readonly writeFile: (path: string, text: string, how: 'new' | 'replace') => void;
  /** Aborted by the first SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  readonly send: (url: string, request: HttpRequest) => Promise<HttpAnswer>;
  /** Asks the person at the terminal; undefined where nobody is there to answer. */
  readonly prompt: ((question: string) => Promise<string>) | undefined;
  readonly daemon: DaemonParts;
  /** Farshore's version. */
  readonly version: string;
  /** Who asks, as `user@host`; recorded with what an operator changes. */
  readonly operator: string;
}

export const exitCodes = { ok: 0, failed: 1, usage: 2, badConfig: 78 } as const;

/** An error of this side of the conversation, or one the daemon answered with. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: string;
  readonly place: string | undefined;
  readonly hint: string | undefined;

  constructor(code: string, message: string, details: { readonly place?: string | undefined; readonly hint?: string | undefined } = {}) {
    super(message);
    this.code = code;
    this.place = details.place;
    this.hint = details.hint;
  }
}

/** A command line that parses and still cannot be meant. Exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
