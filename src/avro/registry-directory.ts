import type { Dirent } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FarshoreError } from '../model/errors.ts';
import type { SchemaRegistry, SubjectVersions } from './contracts.ts';

/**
 * A folder as a registry: `{subject}/{version}.avsc` with their ids in `ids.json`
 * (`"billing.invoices-value/1": 104`), or `{id}.avsc`; each file defines all it names. Read when first
 * needed and again when an id is missing. Throws `schema_unusable` for a file without an id of its own,
 * `registry_unreachable` when it cannot be read.
 */
export function directoryRegistry(folder: string): SchemaRegistry {
  let known: ReadonlyMap<string, string> | undefined;
  const fileOf = async (ref: string): Promise<string | undefined> => {
    const file = known?.get(ref);
    if (file !== undefined) return file;
    known = await schemaFiles(folder);
    return known.get(ref);
  };
  return {
    name: `directory ${folder}`,
    async byRef(ref, signal) {
      const file = await fileOf(ref);
      return file === undefined ? 'missing' : await readable(file, () => readFile(file, { encoding: 'utf8', signal }), signal);
    },
    async refs() {
      known = await schemaFiles(folder);
      return [...known.keys()];
    },
    newest: (subject) => newestIn(folder, subject),
    // A folder accepts whatever is put into it.
    compatibility: async () => undefined,
  };
}

/** The subjects of such a folder, to be carried into a registry; plain `{id}.avsc` files belong to none. */
export function directorySubjects(folder: string): SubjectVersions {
  const idOf = async (subject: string, version: number): Promise<number | undefined> => {
    const id = (await readIds(folder))[`${subject}/${version}`];
    return isId(id) ? id : undefined;
  };
  const list = async () => {
    const versions: { readonly subject: string; readonly version: number }[] = [];
    for (const { name: subject } of (await entriesOf(folder)).filter((entry) => entry.isDirectory())) {
      for (const { name } of await entriesOf(join(folder, subject))) {
        const version = /^(\d+)\.avsc$/.exec(name)?.[1];
        if (version !== undefined) versions.push({ subject, version: Number(version) });
      }
    }
    return versions;
  };
  return {
    name: `directory ${folder}`,
    list,
    async read(subject, version, signal) {
      const id = await idOf(subject, version);
      if (id === undefined) return 'missing';
      const file = join(folder, subject, `${version}.avsc`);
      const schema = await readable(file, () => readFile(file, { encoding: 'utf8', signal }), signal);
      return { subject, version, id, schema, type: 'AVRO', references: [], deleted: false };
    },
    async highestId() {
      return Math.max(0, ...[...(await schemaFiles(folder)).keys()].map(Number));
    },
  };
}

/** Files by id. */
async function schemaFiles(folder: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const claim = (id: string, file: string): void => {
    const other = files.get(id);
    if (other !== undefined) throw unusable(`${other} and ${file} have the same id ${id}`, file);
    files.set(id, file);
  };
  const entries = await entriesOf(folder);
  for (const entry of entries) {
    const id = /^(\d+)\.avsc$/.exec(entry.name)?.[1];
    if (entry.isFile() && id !== undefined) claim(String(Number(id)), join(folder, entry.name));
  }
  const ids = await readIds(folder);
  for (const subject of entries.filter((entry) => entry.isDirectory())) {
    for (const { name } of await entriesOf(join(folder, subject.name))) {
      if (!name.endsWith('.avsc')) continue;
      const file = join(folder, subject.name, name);
      const id = ids[`${subject.name}/${name.slice(0, -'.avsc'.length)}`];
      if (!isId(id)) throw unusable(`ids.json has no id for ${subject.name}/${name}`, file);
      claim(String(id), file);
    }
  }
  return files;
}

/** Plain `{id}.avsc` files belong to no subject. */
async function newestIn(folder: string, subject: string): Promise<string | 'missing'> {
  const found = (await entriesOf(folder)).some((entry) => entry.isDirectory() && entry.name === subject);
  if (!found) return 'missing';
  const versions = (await entriesOf(join(folder, subject))).flatMap(({ name }) => /^(\d+)\.avsc$/.exec(name)?.[1] ?? []);
  const newest = versions.toSorted((a, b) => Number(b) - Number(a))[0];
  if (newest === undefined) return 'missing';
  const id = (await readIds(folder))[`${subject}/${newest}`];
  if (!isId(id)) throw unusable(`ids.json has no id for ${subject}/${newest}.avsc`, join(folder, subject, `${newest}.avsc`));
  return String(id);
}

// As wide as the four bytes in front of a record.
const isId = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;

const entriesOf = (folder: string): Promise<readonly Dirent[]> => readable(folder, () => readdir(folder, { withFileTypes: true }));

async function readIds(folder: string): Promise<Readonly<Record<string, unknown>>> {
  const file = join(folder, 'ids.json');
  const text = await readable(file, () =>
    readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '{}';
      throw error;
    }),
  );
  let ids: unknown;
  try {
    ids = JSON.parse(text);
  } catch (error) {
    throw unusable(`ids.json is no JSON: ${error instanceof Error ? error.message : String(error)}`, file);
  }
  if (typeof ids !== 'object' || ids === null || Array.isArray(ids)) throw unusable('ids.json is no object of ids', file);
  return ids as Record<string, unknown>;
}

async function readable<T>(place: string, read: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    return await read();
  } catch (error) {
    signal?.throwIfAborted();
    throw new FarshoreError('registry_unreachable', 'The schema directory cannot be read', {
      place,
      cause: error,
      hint: 'Check registry.directory and its rights.',
    });
  }
}

const unusable = (message: string, place: string): FarshoreError =>
  new FarshoreError('schema_unusable', message, { place, hint: 'Every schema file needs one id that no other has.' });
