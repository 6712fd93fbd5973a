/** What `${…}` may refer to. `readFile` throws when the file cannot be read. */
export interface InterpolationSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a file named in the configuration; relative names are relative to the configuration file. */
  readonly readFile: (path: string) => string;
}

export type Interpolated =
  | { readonly kind: 'text'; readonly text: string; readonly changed: boolean }
  | { readonly kind: 'problem'; readonly message: string; readonly suggestion: string };

const reference = /\$\$\{|\$\{(?<body>[^}]*)\}|\$\{/g;
const variable = /^(?<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?<fallback>.*))?$/s;

/** A secret file usually ends with the line break its editor or `echo` left there. */
export const withoutFinalLineBreak = (text: string): string => text.replace(/\r?\n$/, '');

/**
 * Replaces `${NAME}`, `${NAME:-default}` (also when the variable is empty) and `${file:path}` in one scalar;
 * `$${` stands for a literal `${`. What is put in is text and never parsed again. Messages name variables
 * and files, never what they hold.
 */
export function interpolate(text: string, source: InterpolationSource): Interpolated {
  if (!text.includes('${')) return { kind: 'text', text, changed: false };
  let problem: Interpolated | undefined;
  const fail = (message: string, suggestion: string): string => {
    problem ??= { kind: 'problem', message, suggestion };
    return '';
  };
  const replaced = text.replace(reference, (whole, body: string | undefined) => {
    if (whole === '$${') return '${';
    if (body === undefined) return fail('a ${ is not closed', `write \${NAME}, or $\${ for a literal \${`);
    if (body.startsWith('file:')) return fileText(body.slice('file:'.length), source, fail);
    const groups = variable.exec(body)?.groups;
    if (groups?.name === undefined)
      return fail('this is no reference Farshore knows', `write \${NAME}, \${NAME:-default} or \${file:path}`);
    const value = source.env[groups.name];
    if (groups.fallback !== undefined) return value === undefined || value === '' ? groups.fallback : value;
    return value ?? fail(`the variable ${groups.name} is not set`, `set it, or write \${${groups.name}:-default}`);
  });
  return problem ?? { kind: 'text', text: replaced, changed: true };
}

function fileText(path: string, source: InterpolationSource, fail: (message: string, suggestion: string) => string): string {
  try {
    return withoutFinalLineBreak(source.readFile(path));
  } catch (error) {
    return fail(`the file ${path} cannot be read: ${readFailure(error)}`, 'it must exist and be readable by this user');
  }
}

/** Why a file could not be read, in words; by the system's error code, never by its text. */
export function readFailure(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'it does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  if (code === 'EISDIR') return 'it is a folder';
  return code ?? 'unknown failure';
}
