import type { DecodedRecord, RecordDecoder, RecordDecoders, SchemaRef } from '../apply/contracts.ts';
import type { Clock } from '../model/clock.ts';
import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import { compile, isRecordValue } from './compile.ts';
import type { SchemaKeeper, SchemaRegistry } from './contracts.ts';
import { Cursor, MalformedValue } from './cursor.ts';
import { fieldShapes, parseSchema } from './schema.ts';
import { readSchemaText } from './schema-text.ts';
import { schemaRefReader } from './wire.ts';

export interface DecodersOptions {
  readonly registry: SchemaRegistry;
  readonly keeper: SchemaKeeper;
  readonly observe: Observe;
  readonly clock: Clock;
  /** How long a missing id is not asked for again: a producer may register it a moment later. */
  readonly missingRetryMs: number;
}

/** Decoders by schema reference: memory, then the kept copies, then the registry. One load at a time a reference. */
export class AvroDecoders implements RecordDecoders {
  readonly readRef: RecordDecoders['readRef'] = schemaRefReader();
  readonly #options: DecodersOptions;
  readonly #ready = new Map<SchemaRef, RecordDecoder>();
  readonly #loading = new Map<SchemaRef, Promise<RecordDecoder>>();
  readonly #missingUntilMs = new Map<SchemaRef, number>();

  constructor(options: DecodersOptions) {
    this.#options = options;
  }

  get(ref: SchemaRef): RecordDecoder | undefined {
    return this.#ready.get(ref);
  }

  async load(ref: SchemaRef, signal: AbortSignal): Promise<RecordDecoder> {
    const ready = this.#ready.get(ref);
    if (ready !== undefined) return ready;
    let loading = this.#loading.get(ref);
    if (loading === undefined) {
      loading = this.#load(ref, signal).finally(() => this.#loading.delete(ref));
      this.#loading.set(ref, loading);
    }
    return await loading;
  }

  async #load(ref: SchemaRef, signal: AbortSignal): Promise<RecordDecoder> {
    const text = await this.#text(ref, signal);
    const decoder = recordDecoder(text, `schema ${ref} of ${this.#options.registry.name}`);
    this.#ready.set(ref, decoder);
    return decoder;
  }

  async #text(ref: SchemaRef, signal: AbortSignal): Promise<string> {
    const { registry, keeper, observe, clock, missingRetryMs } = this.#options;
    const kept = await keeper.get(registry.name, ref, signal);
    if (kept !== undefined) {
      observe({ type: 'schema_fetched', result: 'kept' });
      return kept;
    }
    if (clock.monotonicMs() < (this.#missingUntilMs.get(ref) ?? 0)) throw this.#unknown(ref);
    const found = await registry.byRef(ref, signal).catch((error: unknown) => {
      observe({ type: 'schema_fetched', result: 'failed' });
      throw error;
    });
    if (found === 'missing') {
      observe({ type: 'schema_fetched', result: 'missing' });
      this.#missingUntilMs.set(ref, clock.monotonicMs() + missingRetryMs);
      throw this.#unknown(ref);
    }
    observe({ type: 'schema_fetched', result: 'found' });
    await keepSchema(keeper, registry.name, ref, found, signal);
    return found;
  }

  #unknown(ref: SchemaRef): FarshoreError {
    return new FarshoreError('schema_unknown', `${this.#options.registry.name} does not know schema ${ref}`, {
      place: `schema ${ref}`,
      hint: 'Register the schema under this id, then resume the partition.',
    });
  }
}

/** Keeps a text; one id with two texts stops whoever needs it (C22). */
export async function keepSchema(keeper: SchemaKeeper, registry: string, ref: SchemaRef, text: string, signal: AbortSignal): Promise<void> {
  if ((await keeper.put(registry, ref, text, signal)) !== 'conflict') return;
  throw new FarshoreError('schema_conflict', `Schema ${ref} of ${registry} has another text than the one kept in the region`, {
    place: `schema ${ref}`,
    hint: 'Find out which registry issued the id twice; the kept text is in farshore.schemas.',
  });
}

/** A decoder for a record schema. Throws `schema_unusable`. */
export function recordDecoder(text: string, place: string): RecordDecoder {
  const { schema, references } = readSchemaText(text);
  const parsed = parseSchema(schema, references, place);
  const fields = fieldShapes(parsed);
  const read = compile(parsed);
  const cursor = new Cursor(Buffer.alloc(0), 0, 0);
  return {
    // A schema that is no record (a key of one primitive) has one field without a name.
    fields: fields ?? [],
    decode(bytes, start, end): DecodedRecord {
      cursor.reset(bytes, start, end);
      try {
        const value = read(cursor);
        if (cursor.pos !== end) throw new MalformedValue(`${end - cursor.pos} bytes follow the value`);
        return isRecordValue(value) ? value : { '': value };
      } catch (error) {
        if (findFarshoreError(error) !== undefined) throw error;
        const why = error instanceof Error ? error.message : String(error);
        throw new FarshoreError('record_malformed', `The bytes are no value of ${place}: ${why}`, {
          place,
          cause: error,
          hint: 'The producer wrote other bytes than its schema says.',
        });
      }
    },
  };
}
