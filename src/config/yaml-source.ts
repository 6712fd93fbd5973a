import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, type Scalar } from 'yaml';
import { type InterpolationSource, interpolate } from './interpolate.ts';
import type { Problem } from './problems.ts';

export type Path = readonly (string | number)[];

/** A YAML file as plain values, with the place each key and value was read from. */
export interface YamlSource {
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** 1-based line and column of a value, or of its nearest parent that was written. */
  positionOf(path: Path): { readonly line: number; readonly column: number };
  /** The same for the key in front of a value. */
  positionOfKey(path: Path): { readonly line: number; readonly column: number };
  /** Whether the key was written, whatever its value. */
  has(path: Path): boolean;
  /** Whether a problem was already found at this value. */
  failed(path: Path): boolean;
  /** Whether the text came from a reference, and so may stand for a number or a boolean. */
  referred(path: Path): boolean;
}

const MAX_NODES = 20_000;

const keyOf = (path: Path): string => JSON.stringify(path);

/**
 * What the parser found, in own words: its texts may quote what is written there, which can be a secret.
 */
const yamlMessages: Readonly<Record<string, readonly [message: string, suggestion: string]>> = {
  DUPLICATE_KEY: ['this key is written twice', 'keep one of them'],
  TAB_AS_INDENT: ['a tab cannot indent', 'use spaces'],
  BAD_INDENT: ['the indentation does not fit', 'keys of one level start in one column'],
  MULTIPLE_DOCS: ['there is more than one document in the file', 'keep one; remove the ---'],
  MISSING_CHAR: [
    'a character is missing before here',
    `a colon, a quote, a comma or a closing bracket; in { } and [ ] write "\${NAME}" in quotes`,
  ],
  BAD_ALIAS: ['an alias stands for nothing', 'values that start with * are written in quotes'],
  TAG_RESOLVE_FAILED: ['tags are not used here', 'values that start with ! are written in quotes'],
};

/** `only` reads one top-level key and leaves the others, with their references, alone. */
export function readYaml(text: string, references: InterpolationSource, only?: string): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, stringKeys: true });
  const reader = new Reader(document, lines, references);
  for (const error of [...document.errors, ...document.warnings]) {
    const known = yamlMessages[error.code] ?? ['this is not valid YAML', `in { } and [ ] write "\${NAME}" in quotes`];
    reader.report(error.pos[0], known[0], known[1]);
  }
  const broken = document.errors.length > 0;
  const value = broken || document.contents === null ? undefined : reader.read(document.contents, [], only);
  return reader.source(value);
}

class Reader {
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #references: InterpolationSource;
  readonly #problems: Problem[] = [];
  readonly #values = new Map<string, number>();
  readonly #keys = new Map<string, number>();
  readonly #failed = new Set<string>();
  readonly #referred = new Set<string>();
  readonly #open = new Set<Node>();
  #nodes = 0;

  constructor(document: Document, lines: LineCounter, references: InterpolationSource) {
    this.#document = document;
    this.#lines = lines;
    this.#references = references;
  }

  report(offset: number, message: string, suggestion?: string): void {
    this.#problems.push({ ...this.#place(offset), message, suggestion });
  }

  read(node: Node, path: Path, only?: string): unknown {
    const offset = node.range?.[0] ?? 0;
    this.#values.set(keyOf(path), offset);
    this.#nodes++;
    if (this.#nodes === MAX_NODES) this.report(offset, `the file has more than ${MAX_NODES} values`);
    if (this.#nodes >= MAX_NODES) return undefined;
    if (isAlias(node)) return this.#readAlias(node.resolve(this.#document), path, offset);
    if (isScalar(node)) return this.#readScalar(node, path, offset);
    this.#open.add(node);
    const value = this.#readCollection(node, path, only);
    this.#open.delete(node);
    return value;
  }

  #readCollection(node: Node, path: Path, only: string | undefined): unknown {
    if (isMap(node)) {
      const pairs = node.items as readonly Pair<Node, Node | null>[];
      const wanted = only === undefined ? pairs : pairs.filter(({ key }) => isScalar(key) && key.value === only);
      return Object.fromEntries(wanted.map((pair) => this.#readPair(pair, path)));
    }
    return isSeq(node) ? node.items.map((item, index) => this.read(item as Node, [...path, index])) : undefined;
  }

  #readAlias(target: Node | undefined, path: Path, offset: number): unknown {
    if (target === undefined || this.#open.has(target)) {
      this.#fail(
        path,
        offset,
        'an alias stands for nothing, or for a value it is part of',
        'values that start with * are written in quotes',
      );
      return undefined;
    }
    return this.read(target, path);
  }

  #readPair(pair: Pair<Node, Node | null>, parent: Path): readonly [string, unknown] {
    const key = String(isScalar(pair.key) ? pair.key.value : pair.key);
    const path = [...parent, key];
    const offset = pair.key.range?.[0] ?? 0;
    this.#keys.set(keyOf(path), offset);
    const empty = pair.value === null || (isScalar(pair.value) && pair.value.value === null);
    if (empty) {
      this.#values.set(keyOf(path), offset);
      this.#fail(path, offset, 'this key has no value', 'give it one or remove the key');
      return [key, undefined];
    }
    return [key, this.read(pair.value as Node, path)];
  }

  #readScalar(node: Scalar, path: Path, offset: number): unknown {
    if (typeof node.value !== 'string') return node.value;
    const result = interpolate(node.value, this.#references);
    if (result.kind === 'problem') {
      this.#fail(path, offset, result.message, result.suggestion);
      return undefined;
    }
    if (result.changed) this.#referred.add(keyOf(path));
    return result.text;
  }

  #fail(path: Path, offset: number, message: string, suggestion: string): void {
    this.#failed.add(keyOf(path));
    this.report(offset, message, suggestion);
  }

  #place(offset: number): { readonly line: number; readonly column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  source(value: unknown): YamlSource {
    const nearest = (path: Path, ...maps: readonly ReadonlyMap<string, number>[]): number => {
      for (let length = path.length; length >= 0; length--) {
        for (const map of maps) {
          const offset = map.get(keyOf(path.slice(0, length)));
          if (offset !== undefined) return offset;
        }
      }
      return 0;
    };
    return {
      value,
      problems: this.#problems,
      positionOf: (path) => this.#place(nearest(path, this.#values, this.#keys)),
      positionOfKey: (path) => this.#place(nearest(path, this.#keys, this.#values)),
      has: (path) => this.#keys.has(keyOf(path)) || this.#values.has(keyOf(path)),
      failed: (path) => path.some((_, index) => this.#failed.has(keyOf(path.slice(0, index + 1)))),
      referred: (path) => this.#referred.has(keyOf(path)),
    };
  }
}
