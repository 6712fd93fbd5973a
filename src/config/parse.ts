import { dirname, resolve } from 'node:path';
import { adminChecks, crossChecks, Written } from './checks.ts';
import type { AdminConfig, FarshoreConfig } from './config.ts';
import { addressProblems } from './database-address.ts';
import type { InterpolationSource } from './interpolate.ts';
import { ConfigProblems, type Problem } from './problems.ts';
import { adminConfig, resolveConfig } from './resolve.ts';
import { adminSchema, configSchema } from './schema.ts';
import { schemaProblems, withReferredTypes } from './schema-problems.ts';
import { readSecretFiles } from './secret-files.ts';
import { readYaml } from './yaml-source.ts';

export interface ParseOptions extends InterpolationSource {
  /** The configuration's own path: shown in problems, and the folder that relative paths start from. */
  readonly file: string;
}

/** A configuration from its text. Throws ConfigProblems with everything that is wrong with it. */
export function parseConfig(text: string, options: ParseOptions): FarshoreConfig {
  const { references, absolute } = relativeTo(options);
  const source = readYaml(text, references);
  if (source.value === undefined) throw new ConfigProblems(options.file, emptyOr(source.problems));
  const files = readSecretFiles(source, references.readFile, absolute);
  let parsed = configSchema.safeParse(source.value);
  if (!parsed.success) {
    const typed = withReferredTypes(source.value, parsed.error.issues, source);
    if (typed !== undefined) parsed = configSchema.safeParse(typed);
  }
  const problems = [
    ...source.problems,
    ...schemaProblems(parsed.error?.issues ?? [], source),
    ...crossChecks(source),
    ...files.problems,
    ...addressProblems(source, files),
  ];
  if (!parsed.success || problems.length > 0) throw new ConfigProblems(options.file, problems);
  return resolveConfig(parsed.data, { files, absolute });
}

/**
 * Only the `admin` part, for verbs that talk to a running daemon: they need not be able to read the
 * daemon's other secrets or have its environment.
 */
export function parseAdmin(text: string, options: ParseOptions): AdminConfig {
  const { references, absolute } = relativeTo(options);
  const source = readYaml(text, { env: options.env, readFile: references.readFile }, 'admin');
  const files = readSecretFiles(source, references.readFile, absolute, ['admin']);
  const written = new Written(source);
  const parsed = adminSchema.safeParse(source.value === undefined ? {} : (written.at(['admin']) ?? {}));
  adminChecks(written, ['admin']);
  const problems = [
    ...source.problems,
    ...schemaProblems(parsed.error?.issues ?? [], source, ['admin']),
    ...written.problems,
    ...files.problems,
  ];
  if (!parsed.success || problems.length > 0) throw new ConfigProblems(options.file, problems);
  return adminConfig(parsed.data, files);
}

function relativeTo(options: ParseOptions): { readonly references: InterpolationSource; readonly absolute: (path: string) => string } {
  const folder = dirname(options.file);
  const absolute = (path: string): string => resolve(folder, path);
  return { absolute, references: { env: options.env, readFile: (path) => options.readFile(absolute(path)) } };
}

const emptyOr = (problems: readonly Problem[]): readonly Problem[] =>
  problems.length > 0
    ? problems
    : [{ line: 1, column: 1, message: 'the configuration is empty', suggestion: 'farshore init prints one to start from' }];
