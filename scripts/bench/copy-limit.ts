import pg from 'pg';

const CHUNK_BYTES = 65_536;

/** What node-postgres's connection offers for COPY, and its types leave out. */
interface CopyWire {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  readonly stream: NodeJS.WritableStream & { readonly writableNeedDrain: boolean };
}

/** `COPY table FROM STDIN` of text that is ready in memory, by one connection: rows a second of the server alone. */
export async function copyRowsPerSecond(database: string, table: string, text: Buffer, rows: number): Promise<number> {
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  try {
    const startedMs = performance.now();
    await new Promise<void>((resolve, reject) => {
      const copy = {
        submit: (wire: CopyWire) => wire.query(`copy ${table} from stdin`),
        handleCopyInResponse: (wire: CopyWire) => void send(wire, text).catch(reject),
        handleCommandComplete: () => undefined,
        handleReadyForQuery: () => resolve(),
        handleError: (error: unknown) => reject(error),
      };
      client.query(copy as unknown as pg.Submittable);
    });
    return (rows * 1000) / (performance.now() - startedMs);
  } finally {
    await client.end();
  }
}

async function send(wire: CopyWire, text: Buffer): Promise<void> {
  for (let at = 0; at < text.length; at += CHUNK_BYTES) {
    wire.sendCopyFromChunk(text.subarray(at, at + CHUNK_BYTES));
    if (wire.stream.writableNeedDrain) await new Promise((resolve) => wire.stream.once('drain', resolve));
  }
  wire.endCopyFrom();
}

const moment = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').replace('Z', '+00');

export interface CopyRow {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly city: string | undefined;
  readonly status: string | undefined;
  readonly cents: number;
  readonly active: boolean;
  readonly qty: number;
  readonly created_at: number;
  readonly updated_at: number;
  readonly note: string;
}

/** A row in COPY's text form; nothing of the benches' rows needs escaping. */
export const copyText = (row: CopyRow): string =>
  `${[row.id, row.name, row.email, row.city, row.status, (row.cents / 100).toFixed(2), row.active ? 't' : 'f', row.qty, moment(row.created_at), moment(row.updated_at), row.note].join('\t')}\n`;
