import type { RecordDecoder } from './contracts.ts';

/** A topic has few writers at a time; what was met longest ago goes first. */
const MOST_A_TOPIC = 16;

/** The writer schemas of each topic whose records came, also those that the table does not fit: they are what has to be mended. */
export class MetSchemas {
  readonly #topics = new Map<string, Set<RecordDecoder>>();

  note(topic: string, decoder: RecordDecoder): void {
    const met = this.#topics.get(topic) ?? new Set();
    // By reference, not by object: a schema that is loaded again is still the same one.
    for (const other of met) if (other === decoder || (other.ref !== undefined && other.ref === decoder.ref)) met.delete(other);
    met.add(decoder);
    const [oldest] = met;
    if (met.size > MOST_A_TOPIC) met.delete(oldest!);
    this.#topics.set(topic, met);
  }

  /** The one met last comes last. */
  of(topic: string): readonly RecordDecoder[] {
    return [...(this.#topics.get(topic) ?? [])];
  }
}
