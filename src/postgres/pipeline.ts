import type pg from 'pg';
import type { Statement, StatementResult } from '../apply/contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import { arrayLiteral } from './array-literal.ts';
import { type BoundValue, writeBind } from './bind-message.ts';
import { COPY_DONE, copyLines } from './copy-lines.ts';
import { CopyMemory } from './copy-memory.ts';
import { TextColumn } from './text-column.ts';

/** What a failed pipeline had done: how many statements had answered in full, and whether anything was sent. */
export interface PipelineFailure {
  readonly error: unknown;
  readonly completed: number;
  readonly sent: boolean;
}

/** One statement's answer; `command` is the server's tag, such as `INSERT 0 5` or `COMMIT`. */
export interface PipelineResult extends StatementResult {
  readonly rows: readonly Readonly<Record<string, string | null>>[];
  readonly command: string;
}

/** The driver's connection as a query of its own kind uses it (the same calls its cursor makes). */
type Wire = pg.Connection;

function boundValue(value: unknown, statement: Statement): BoundValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return scalarText(value);
  if (value instanceof TextColumn) return { utf8: value.literal() };
  if (Array.isArray(value)) return arrayLiteral(value);
  throw new FarshoreError('internal', `A value of type ${typeof value} cannot be bound to: ${statement.text}`);
}

const scalarText = (value: number | bigint | boolean): string => (Object.is(value, -0) ? '-0' : `${value}`);

/**
 * Several statements in one round trip with ONE Sync at the end. The driver's own pipelining sends a
 * Sync after each statement, and then the server goes on after an error:
 *
 *     begin → cancelled (57014) · sync · insert → commits by itself · sync · move_position → commits by itself …
 *
 * With one Sync the server skips everything after the first error, so a failed `begin` takes the whole
 * transaction with it, and nothing after a failed statement runs, not even `commit`.
 *
 * The data of a COPY follows its statement at once, in the same round trip: a server that reads it is in copy mode by then, and one that
 * skips to Sync after an error skips these messages as well.
 *
 * Rows come as the text the server sent, column name → text or null; nothing is parsed.
 */
export class Pipeline implements pg.Submittable {
  readonly #statements: readonly Statement[];
  readonly #values: readonly BoundValue[][];
  readonly #copies: readonly (readonly Buffer[] | undefined)[];
  /** Names prepared in this session, with their text; shared by the pipelines of one connection. */
  readonly #prepared: Map<string, string>;
  readonly #settle: (failure: PipelineFailure | undefined) => void;
  readonly #memory: CopyMemory;
  readonly #lent: Buffer[] = [];
  readonly results: PipelineResult[] = [];
  #sent = false;
  #settled = false;
  #columns: readonly string[] = [];
  #rows: Record<string, string | null>[] = [];

  /** Throws `internal` for a value that cannot be bound: before anything is sent. */
  constructor(
    statements: readonly Statement[],
    prepared: Map<string, string>,
    settle: (failure: PipelineFailure | undefined) => void,
    memory = new CopyMemory(),
  ) {
    this.#statements = statements;
    this.#values = statements.map((statement) => statement.values.map((value) => boundValue(value, statement)));
    this.#memory = memory;
    const lend = (bytes: number): Buffer => {
      const lent = memory.take(bytes);
      this.#lent.push(lent);
      return lent;
    };
    this.#copies = statements.map(({ copy }) => (copy === undefined ? undefined : copyLines(copy, lend)));
    this.#prepared = prepared;
    this.#settle = settle;
  }

  submit(wire: Wire): void {
    const announced = new Set<string>();
    wire.stream.cork();
    for (const [index, { name, text }] of this.#statements.entries()) {
      if (name === undefined) {
        wire.parse({ name: '', text, types: [] }, true);
      } else if (this.#prepared.get(name) !== text && !announced.has(name)) {
        // Close first: an earlier pipeline may have failed after its Parse had been taken. Closing a name
        // that does not exist is no error, parsing one that does is.
        wire.close({ type: 'S', name }, true);
        wire.parse({ name, text, types: [] }, true);
        announced.add(name);
      }
      writeBind(wire.stream, name ?? '', this.#values[index]!);
      wire.describe({ type: 'P', name: '' }, true);
      wire.execute(null, true);
      const copied = this.#copies[index];
      if (copied === undefined) continue;
      for (const message of copied) wire.stream.write(message);
      wire.stream.write(COPY_DONE);
    }
    wire.sync();
    this.#sent = true;
    wire.stream.uncork();
  }

  handleRowDescription(message: { readonly fields: readonly { readonly name: string }[] }): void {
    this.#columns = message.fields.map((field) => field.name);
  }

  handleDataRow(message: { readonly fields: readonly (string | null)[] }): void {
    const row: Record<string, string | null> = {};
    for (let i = 0; i < this.#columns.length; i++) row[this.#columns[i]!] = message.fields[i] ?? null;
    this.#rows.push(row);
  }

  handleCommandComplete(message: { readonly text: string }): void {
    const name = this.#statements[this.results.length]?.name;
    if (name !== undefined) this.#prepared.set(name, this.#statements[this.results.length]!.text);
    const count = /\d+$/.exec(message.text);
    this.results.push({ rowCount: count === null ? 0 : Number(count[0]), rows: this.#rows, command: message.text });
    this.#rows = [];
    this.#columns = [];
  }

  handleEmptyQuery(): void {
    this.handleCommandComplete({ text: '' });
  }

  handlePortalSuspended(): void {
    this.handleError(new FarshoreError('internal', 'The server suspended a portal that has no row limit.'));
  }

  handleCopyInResponse(wire: { sendCopyFail(message: string): void }): void {
    // What it reads was sent with it.
    if (this.#copies[this.results.length] === undefined) wire.sendCopyFail('this statement has no rows to copy');
  }

  handleCopyData(): void {
    this.handleError(new FarshoreError('internal', 'The server sent copy data.'));
  }

  handleError(error: unknown): void {
    const name = this.#statements[this.results.length]?.name;
    if (name !== undefined) this.#prepared.delete(name);
    this.#finish({ error, completed: this.results.length, sent: this.#sent });
  }

  handleReadyForQuery(): void {
    if (!this.#settled) for (const memory of this.#lent) this.#memory.giveBack(memory);
    this.#finish(undefined);
  }

  #finish(failure: PipelineFailure | undefined): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#settle(failure);
  }
}
