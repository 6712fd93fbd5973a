import { readFileSync } from 'node:fs';
import type { AdminConfig, FarshoreConfig } from './config.ts';
import { readFailure } from './interpolate.ts';
import { parseAdmin, parseConfig } from './parse.ts';
import { ConfigProblems } from './problems.ts';

export interface LoadSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Throws when the file cannot be read, with the system's error code. */
  readonly readFile: (path: string) => string;
}

export const systemFiles = (path: string): string => readFileSync(path, 'utf8');

/** Reads a configuration file and every file it names. Throws ConfigProblems. */
export const loadConfig = (path: string, source: LoadSource): FarshoreConfig =>
  parseConfig(fileText(path, source), { ...source, file: path });

/** Where the daemon of a configuration listens and the token it takes; reads no other part of it. Throws ConfigProblems. */
export const loadAdmin = (path: string, source: LoadSource): AdminConfig => parseAdmin(fileText(path, source), { ...source, file: path });

function fileText(path: string, source: LoadSource): string {
  try {
    return source.readFile(path);
  } catch (error) {
    const message = `the file cannot be read: ${readFailure(error)}`;
    throw new ConfigProblems(path, [{ line: 1, column: 1, message, suggestion: 'name it with --config FILE' }]);
  }
}
