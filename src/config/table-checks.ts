import { matchesTopics } from '../model/topic-patterns.ts';
import type { Written } from './checks.ts';
import type { Path } from './yaml-source.ts';

/** The table of an entry that names none: the last part of the topic, in schema public. */
export const defaultTable = (topic: string): string => `public.${topic.slice(topic.lastIndexOf('.') + 1)}`;

/** `schema.table`, with schema public where none is written. */
export const qualifiedTable = (table: string): string => (table.includes('.') ? table : `public.${table}`);

export function tableChecks(written: Written): void {
  const tables = written.at(['apply', 'tables']);
  if (written.text(['apply', 'schema']) === 'evolve') {
    written.report(['apply', 'schema'], 'evolve is not yet supported', 'use validate, and run the statements farshore check prints');
  }
  if (!Array.isArray(tables)) return;
  if (tables.length > 0 && written.isMap(['primary']) && !written.source.has(['primary', 'registry'])) {
    written.reportKey(['primary'], 'primary.registry is missing', 'tables are applied by their Avro schemas; give a url or a directory');
  }
  const topics = new Map<string, number>();
  const named = new Map<string, { readonly topic: string; readonly ordered: boolean }>();
  for (const index of tables.keys()) {
    const path: Path = ['apply', 'tables', index];
    const topic = written.text([...path, 'topic']);
    if (topic === undefined) continue;
    if (topics.has(topic)) {
      written.report([...path, 'topic'], `topic ${topic} has two entries`, 'keep one of them');
      continue;
    }
    topics.set(topic, index);
    coverageCheck(written, path, topic);

    const table = qualifiedTable(written.text([...path, 'table']) ?? defaultTable(topic));
    const ordered = written.source.has([...path, 'version']);
    const first = named.get(table);
    if (first === undefined) named.set(table, { topic, ordered });
    else {
      const at = written.source.has([...path, 'table']) ? [...path, 'table'] : [...path, 'topic'];
      const [why, suggestion] =
        ordered && first.ordered
          ? ['one table takes one topic in this version', 'name another table']
          : ['without a version nothing orders the records of two topics', 'name another table'];
      written.report(at, `table ${table} is already that of topic ${first.topic}: ${why}`, suggestion);
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
