import { matchesTopics } from '../model/topic-patterns.ts';
import type { Written } from './checks.ts';
import type { Path } from './yaml-source.ts';

/** The table of an entry that names none: the last part of the topic, in schema public. */
export const defaultTable = (topic: string): string => `public.${topic.slice(topic.lastIndexOf('.') + 1)}`;

/** `schema.table`, with schema public where none is written. */
export const qualifiedTable = (table: string): string => (table.includes('.') ? table : `public.${table}`);

export function tableChecks(written: Written): void {
  const tables = written.at(['apply', 'tables']);
  if (!Array.isArray(tables)) return;
  if (tables.length > 0 && written.isMap(['primary']) && !written.source.has(['primary', 'registry'])) {
    written.reportKey(['primary'], 'primary.registry is missing', 'tables are applied by their Avro schemas; give a url or a directory');
  }
  const pairs = new Set<string>();
  const named = new Map<string, { readonly topic: string; readonly ordered: boolean }>();
  for (const index of tables.keys()) {
    const path: Path = ['apply', 'tables', index];
    const topic = written.text([...path, 'topic']);
    if (topic === undefined) continue;
    const table = qualifiedTable(written.text([...path, 'table']) ?? defaultTable(topic));
    const at = written.source.has([...path, 'table']) ? [...path, 'table'] : [...path, 'topic'];
    if (pairs.has(`${topic} ${table}`)) {
      written.report(at, `topic ${topic} has two entries for table ${table}`, 'keep one of them');
      continue;
    }
    pairs.add(`${topic} ${table}`);
    coverageCheck(written, path, topic);
    choiceChecks(written, path);

    const ordered = written.source.has([...path, 'version']) || written.text([...path, 'preset']) === 'dionysus';
    const first = named.get(table);
    if (first === undefined) named.set(table, { topic, ordered });
    else if (!ordered || !first.ordered) {
      const why = 'without a version nothing orders the records of two topics';
      written.report(
        at,
        `table ${table} is already that of topic ${first.topic}: ${why}`,
        'give both entries a version, or name another table',
      );
    }
  }
}

/** Keys of which one, and only one, is to be written. */
function choiceChecks(written: Written, path: Path): void {
  const oneOf = (at: Path, keys: readonly string[]) => {
    const found = keys.filter((key) => written.source.has([...at, key]));
    if (found.length === 1) return;
    const what = `${at.slice(3).join('.')} has ${found.length === 0 ? 'none' : 'more than one'} of ${keys.join(', ')}`;
    written.report(at, what, 'write exactly one of them');
  };
  const columns = written.at([...path, 'columns']);
  if (written.isMap([...path, 'columns'])) {
    for (const column of Object.keys(columns as object)) {
      const at = [...path, 'columns', column];
      if (!written.isMap(at)) continue;
      oneOf(at, ['field', 'value', 'document']);
      if (written.source.has([...at, 'cast']) && !written.source.has([...at, 'field'])) {
        written.report([...at, 'cast'], 'cast is for a field', 'remove it, or name the field');
      }
    }
  }
  if (written.isMap([...path, 'only'])) {
    oneOf([...path, 'only'], ['record', 'field']);
    for (const [key, other] of [
      ['field', 'in'],
      ['in', 'field'],
    ] as const) {
      const has = (name: string) => written.source.has([...path, 'only', name]);
      if (has(key) && !has(other)) written.report([...path, 'only'], `only.${key} needs only.${other}`, `add ${other}`);
    }
  }
  if (written.isMap([...path, 'partial'])) {
    oneOf([...path, 'partial'], ['mask', 'absent', 'nulls']);
    if (written.source.has([...path, 'partial', 'cleared']) && !written.source.has([...path, 'partial', 'nulls'])) {
      written.report([...path, 'partial', 'cleared'], 'cleared is for nulls: absent', 'remove it, or add nulls: absent');
    }
  }
}

/** The topic is named as in the region; the patterns name it as at home, without the prefix. */
function coverageCheck(written: Written, path: Path, topic: string): void {
  const patterns = written.texts(['mirror', 'topics']);
  if (patterns.length === 0) return;
  const exclude = written.texts(['mirror', 'exclude']);
  const prefix = written.text(['mirror', 'prefix']) ?? '';
  if (topic.startsWith(prefix) && matchesTopics(patterns, exclude, topic.slice(prefix.length))) return;
  const named = [...path, 'topic'];
  if (prefix !== '' && matchesTopics(patterns, exclude, topic)) {
    written.report(named, `topic ${topic} has another name in the region`, `with mirror.prefix it is ${prefix}${topic}`);
  } else if (topic.startsWith(prefix) && matchesTopics(patterns, [], topic.slice(prefix.length))) {
    written.report(named, `topic ${topic} is excluded by mirror.exclude`, 'remove the exclusion or this entry');
  } else {
    written.report(named, `topic ${topic} is not mirrored`, 'add it to mirror.topics');
  }
}
