import type { z } from 'zod';
import type { Problem } from './problems.ts';
import { configSchema } from './schema.ts';
import { closestWord } from './suggest.ts';
import type { Path, YamlSource } from './yaml-source.ts';

type Issue = z.core.$ZodIssue;

/** What the schema found wrong, as problems with a place. No message holds a configured value. */
export function schemaProblems(issues: readonly Issue[], source: YamlSource, root: Path = []): readonly Problem[] {
  return issues.flatMap((issue) => {
    const path = [...root, ...(issue.path as (string | number)[])];
    if (source.failed(path)) return [];
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(key, path, source));
    if (!source.has(path)) {
      return [{ ...source.positionOfKey(path), message: `${path.join('.')} is missing` }];
    }
    return [{ ...source.positionOf(path), ...wrongValue(issue, path, valueAt(source.value, path)) }];
  });
}

function unknownKey(key: string, parent: Path, source: YamlSource): Problem {
  const place = source.positionOfKey([...parent, key]);
  // A key that is no word may be a value whose colon lost its space; it could be a secret and is not shown.
  if (!/^[A-Za-z][\w-]{0,40}$/.test(key))
    return { ...place, message: 'unknown key', suggestion: 'a key and its value are written key: value' };
  return { ...place, message: `unknown key ${key}`, suggestion: meantWord(key, knownKeys(parent)) };
}

function meantWord(word: unknown, known: readonly string[]): string | undefined {
  const meant = typeof word === 'string' ? closestWord(word, known) : undefined;
  return meant === undefined ? undefined : `did you mean ${meant}?`;
}

const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>((at, part) => (typeof at === 'object' && at !== null ? Reflect.get(at, part) : undefined), value);

interface SchemaDefinition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, Described>>;
  readonly innerType?: Described;
  readonly element?: Described;
}
interface Described {
  readonly def: SchemaDefinition;
}

/** The keys a map at this path may have. */
function knownKeys(path: Path): readonly string[] {
  let current: Described | undefined = unwrapped(configSchema as unknown as Described);
  for (const part of path) {
    const next: Described | undefined = typeof part === 'number' ? current?.def.element : current?.def.shape?.[part];
    current = next === undefined ? undefined : unwrapped(next);
  }
  return Object.keys(current?.def.shape ?? {});
}

function unwrapped(schema: Described): Described {
  let current = schema;
  while (current.def.innerType !== undefined) current = current.def.innerType;
  return current;
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of keys',
  record: 'a map of keys',
};

function wrongValue(issue: Issue, path: Path, value: unknown): { readonly message: string; readonly suggestion?: string | undefined } {
  const what = path.length === 0 ? 'the configuration' : path.join('.');
  switch (issue.code) {
    case 'invalid_type': {
      const quotes = issue.expected === 'string' ? 'write numbers, true and false in quotes' : undefined;
      return { message: `${what} must be ${typeNames[issue.expected] ?? issue.expected}`, suggestion: quotes };
    }
    case 'invalid_value':
      return { message: `${what} must be one of ${issue.values.join(', ')}`, suggestion: meantWord(value, issue.values.map(String)) };
    case 'invalid_union':
      return { message: `${what} must be ${issue.message === 'Invalid input' ? 'a text or a list of texts' : issue.message}` };
    case 'too_small':
      if (issue.origin === 'string') return { message: `${what} is empty` };
      if (issue.origin === 'array') return { message: `${what} needs at least one entry` };
      return { message: `${what} must be at least ${issue.minimum}` };
    case 'too_big':
      return { message: `${what} must be at most ${issue.maximum}` };
    case 'custom':
      return { message: `${what}: ${issue.message}`, suggestion: issue.params?.suggestion as string | undefined };
    default:
      return { message: `${what} is not valid` };
  }
}

/**
 * A reference always gives text. Where the schema wants a number or a boolean and the text is one, it is
 * taken as that. Answers a changed copy, or undefined when there is nothing to change.
 */
export function withReferredTypes(value: unknown, issues: readonly Issue[], source: YamlSource, root: Path = []): unknown {
  let copy: unknown;
  for (const issue of issues) {
    const path = issue.path as (string | number)[];
    if (issue.code !== 'invalid_type' || !source.referred([...root, ...path])) continue;
    copy ??= structuredClone(value);
    const parent = path.slice(0, -1).reduce<unknown>((at, part) => (at as Record<string | number, unknown>)[part], copy);
    const last = path.at(-1)!;
    const typed = fromText(String((parent as Record<string | number, unknown>)[last]), issue.expected);
    if (typed !== undefined) (parent as Record<string | number, unknown>)[last] = typed;
  }
  return copy;
}

function fromText(text: string, expected: string): number | boolean | undefined {
  if (expected === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  if ((expected === 'number' || expected === 'int') && /^-?\d{1,15}$/.test(text)) return Number(text);
  return undefined;
}
