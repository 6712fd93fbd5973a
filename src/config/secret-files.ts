import { type InterpolationSource, readFailure, withoutFinalLineBreak } from './interpolate.ts';
import type { Problem } from './problems.ts';
import { Secret } from './secret.ts';
import type { Path, YamlSource } from './yaml-source.ts';

const fileKeys: ReadonlySet<string> = new Set([
  'passwordFile',
  'urlFile',
  'caFile',
  'certFile',
  'keyFile',
  'tokenFile',
  'authorizationFile',
  'cookieFile',
]);

/** Contents of the files a configuration names, by the path of the key that names them. */
export interface SecretFiles {
  get(path: Path): Secret | undefined;
  readonly problems: readonly Problem[];
}

/**
 * Reads every file that a `…File` key names, whether or not the rest of the configuration is right.
 * `absolute` resolves a name against the folder of the configuration.
 */
export function readSecretFiles(
  source: YamlSource,
  readFile: InterpolationSource['readFile'],
  absolute: (path: string) => string,
  root: Path = [],
): SecretFiles {
  const found = new Map<string, Secret>();
  const problems: Problem[] = [];

  const visit = (value: unknown, path: Path): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, child] of Object.entries(value)) {
      const at: Path = [...path, Array.isArray(value) ? Number(name) : name];
      if (!fileKeys.has(name) || typeof child !== 'string' || child === '') {
        visit(child, at);
        continue;
      }
      const problem = readOne(child, at);
      if (problem !== undefined) problems.push({ ...source.positionOf(at), ...problem });
    }
  };
  const readOne = (file: string, at: Path): { message: string; suggestion?: string } | undefined => {
    try {
      const text = withoutFinalLineBreak(readFile(file));
      found.set(JSON.stringify(at), new Secret(text, absolute(file)));
      return text.trim() === '' ? { message: `${at.join('.')}: the file ${file} is empty` } : undefined;
    } catch (error) {
      return {
        message: `${at.join('.')}: the file ${file} cannot be read: ${readFailure(error)}`,
        suggestion: 'it must exist and be readable by this user',
      };
    }
  };
  visit(root.length === 0 ? source.value : Reflect.get(Object(source.value), root[0]!), root);
  return { get: (path) => found.get(JSON.stringify(path)), problems };
}
