import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FarshoreError } from '../model/errors.ts';
import type { SchemaRegistry } from './contracts.ts';

/**
 * A folder as a registry: `{subject}/{version}.avsc` with their ids in `ids.json`
 * (`"billing.invoices-value/1": 104`), or `{id}.avsc`. Read when first needed and again when an id is missing.
 */
export function directoryRegistry(folder: string): SchemaRegistry {
  let files: Promise<ReadonlyMap<string, string>> | undefined;
  const read = (): Promise<ReadonlyMap<string, string>> => {
    files = schemaFiles(folder).catch((error: unknown) => {
      files = undefined;
      throw error;
    });
    return files;
  };
  return {
    name: `directory ${folder}`,
    async byRef(ref) {
      const file = (await (files ?? read())).get(ref) ?? (await read()).get(ref);
      return file === undefined ? 'missing' : await readFile(file, 'utf8');
    },
    async refs() {
      return [...(await read()).keys()];
    },
  };
}

async function schemaFiles(folder: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const claim = (id: string, file: string): void => {
    const other = files.get(id);
    if (other !== undefined) throw unusable(`${other} and ${file} have the same id ${id}`, file);
    files.set(id, file);
  };
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw new FarshoreError('registry_unreachable', `The schema directory cannot be read`, {
      place: folder,
      cause: error,
      hint: 'Check registry.directory and its rights.',
    });
  });
  for (const entry of entries) {
    const match = /^(\d+)\.avsc$/.exec(entry.name);
    if (entry.isFile() && match?.[1] !== undefined) claim(match[1], join(folder, entry.name));
  }
  const ids = await readIds(folder);
  for (const subject of entries.filter((entry) => entry.isDirectory())) {
    for (const name of await readdir(join(folder, subject.name))) {
      if (!name.endsWith('.avsc')) continue;
      const file = join(folder, subject.name, name);
      const id = ids[`${subject.name}/${name.slice(0, -'.avsc'.length)}`];
      if (!Number.isInteger(id)) throw unusable(`ids.json has no id for ${subject.name}/${name}`, file);
      claim(String(id), file);
    }
  }
  return files;
}

async function readIds(folder: string): Promise<Readonly<Record<string, unknown>>> {
  const file = join(folder, 'ids.json');
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}';
    throw error;
  });
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw unusable(`ids.json is no JSON: ${error instanceof Error ? error.message : String(error)}`, file);
  }
}

const unusable = (message: string, place: string): FarshoreError =>
  new FarshoreError('schema_unusable', message, { place, hint: 'Every schema file needs one id that no other has.' });
