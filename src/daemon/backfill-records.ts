import type { RecordDecoders, RegionalSource } from '../apply/contracts.ts';
import { presetEntry, takesSchema } from '../apply/entry-view.ts';
import { Replay, type ReplayParts } from '../apply/replay.ts';
import { type TableEntry, tableNameOf } from '../apply/table-entry.ts';
import { toExactJson } from '../avro/json.ts';
import type { PreparedTable } from '../backfill/contracts.ts';
import type { FarshoreConfig } from '../config/config.ts';
import type { BackfillSource } from '../model/backfill.ts';
import type { VisitRecords } from '../model/batch.ts';
import { FarshoreError } from '../model/errors.ts';
import { arrayLiteral } from '../postgres/array-literal.ts';
import type { Database } from '../postgres/database.ts';
import { createTable, describeTables, executeDdl } from '../postgres/tables.ts';
import { TextColumn } from '../postgres/text-column.ts';
import { topicOrders } from '../postgres/topic-orders.ts';
import type { ActiveParts } from './active-parts.ts';
import { FileBackfill, FileViews, openRecordFile } from './backfill-file.ts';
import { homeOrders } from './backfill-logs.ts';
import { refusal } from './backfill-prepare.ts';
import { ownRecords, TopicBackfill } from './backfill-topic.ts';

type RecordSource = Exclude<BackfillSource, { from: 'database' }>;

export interface RecordSources {
  /** The regional log, by connections of its own: apply's long poll would hold each read back. */
  readonly source: RegionalSource;
  readonly decoders: RecordDecoders;
  readonly visitRecords: VisitRecords;
}

type Parts = RecordSources & { readonly active: ActiveParts; readonly database: Database };

/** Fills a table from records that were kept, in the region's log or in a file; nothing is asked of the primary. */
export function recordBackfill(
  name: string,
  entries: readonly TableEntry[],
  config: FarshoreConfig,
  { active, database, source, decoders, visitRecords }: Parts,
): {
  readonly prepare: (source: RecordSource, signal: AbortSignal) => Promise<PreparedTable>;
  readonly rowsExpected: (source: RecordSource, signal: AbortSignal) => Promise<number>;
} {
  const { lease, clock } = active;
  const topics = new Set(entries.map(({ topic }) => topic));
  const writers: Omit<ReplayParts, 'decoders' | 'visitRecords'> = {
    tables: {
      describe: (tables, signal) => describeTables(database, tables, signal),
      create: (table, statements, signal) => createTable(database, table, statements, signal),
      execute: (statements, signal) => executeDdl(database, statements, signal),
    },
    arrayText: () => new TextColumn(),
    arrayLiteral,
    exactJson: toExactJson,
  };
  const open = (file: string) => openRecordFile(file, config.backfill.directory, config.limits.maxDecompressedBytes);
  const fromTopic = (): TopicBackfill =>
    new TopicBackfill({
      name,
      topics: [...topics],
      region: config.region,
      source,
      orders: topicOrders(database, config.region),
      replay: new Replay({ ...writers, decoders, visitRecords }, { entries, all: config.apply.tables, schema: config.apply.schema }),
      database,
      epoch: lease.epoch,
      rejectBudget: config.rejected.budget,
      clock,
    });
  return {
    prepare: async (asked, signal) => {
      const [first] = entries;
      const [table] = await describeTables(database, [tableNameOf(first!)], signal);
      if (table === undefined && config.apply.schema !== 'create') {
        throw new FarshoreError('table_missing', `Table ${name} does not exist in the region`, {
          place: `table ${name}`,
          hint: 'Create it there.',
        });
      }
      const orders = await homeOrders(name, topics, config, database, signal);
      const own = orders.find(({ order }) => order.homeEpochs.some(({ home }) => home === config.region));
      if (own !== undefined) throw ownRecords(name, own.order.topic, asked.from === 'topic' ? 'log' : 'file');
      if (asked.from === 'topic') {
        const prepared = fromTopic();
        await prepared.begin(signal);
        return prepared;
      }
      const file = await open(asked.file);
      try {
        const entry = entryOf(name, entries, file.value);
        const views = new FileViews(clock);
        // Its schemas stay the same while its sync marker does, and each chunk opens it anew.
        const fileDecoders: RecordDecoders = FileViews.decoders(file);
        const replay = new Replay(
          { ...writers, decoders: fileDecoders, visitRecords: views.visitRecords },
          { entries: [entry], schema: config.apply.schema },
        );
        return new FileBackfill({
          name,
          file: asked.file,
          topic: entry.topic,
          region: config.region,
          open: () => open(asked.file),
          replay,
          views,
          // A preset may name it.
          hasSource: (presetEntry(entry).version?.length ?? 0) > 0,
          database,
          epoch: lease.epoch,
        });
      } finally {
        await file.close();
      }
    },
    // Each record is looked at for deletes first.
    rowsExpected: async (asked, signal) => {
      if (asked.from === 'topic') {
        const { partitions } = await fromTopic().begin(signal);
        return 2 * partitions.reduce((sum, { end }) => sum + Number(end), 0);
      }
      const file = await open(asked.file);
      try {
        return 2 * (await file.count(signal));
      } finally {
        await file.close();
      }
    },
  };
}

/** The entry that says how the file's records become rows. */
function entryOf(name: string, entries: readonly TableEntry[], schema: Parameters<typeof takesSchema>[1]): TableEntry {
  const taking = entries.filter((entry) => takesSchema(entry, schema));
  const [first] = taking;
  if (first === undefined) {
    throw refusal(
      name,
      `No entry of the table takes records of ${schema.recordName ?? 'that schema'}`,
      'The file must hold what its topic holds.',
    );
  }
  const mapping = ({ topic: _topic, ...rest }: TableEntry): string => JSON.stringify(rest);
  const other = taking.find((one) => mapping(one) !== mapping(first));
  if (other !== undefined) {
    const message = `The entries of topics ${first.topic} and ${other.topic} map records of ${schema.recordName ?? 'that schema'} differently`;
    throw refusal(name, message, 'Tell them apart in the entries: `only: { record: … }`.');
  }
  return first;
}
