/** Keeps schema texts in the regional database, by issuing registry and id (C22). */
export interface SchemaKeeper {
  get(registry: string, ref: string, signal: AbortSignal): Promise<string | undefined>;
  /** `conflict`: the id stands for another text already, and that one stays. */
  put(registry: string, ref: string, schema: string, signal: AbortSignal): Promise<'kept' | 'same' | 'conflict'>;
}

/** One GET to a registry. Rejects when nothing was answered; an answer of any status resolves. */
export type HttpGet = (
  url: string,
  request: { readonly headers: Readonly<Record<string, string>>; readonly timeoutMs: number; readonly signal: AbortSignal },
) => Promise<{ readonly status: number; readonly body: string }>;

/** Where schemas come from. Texts are self-contained: references are resolved into them (see schema-text.ts). */
export interface SchemaRegistry {
  /** Names the issuer in the kept copies: ids of two registries are different ids. */
  readonly name: string;
  /** `missing` is an answer; rejects with `registry_unreachable` when there was none. */
  byRef(ref: string, signal: AbortSignal): Promise<string | 'missing'>;
  /** Every id it has now, for carrying schemas ahead of their records. */
  refs(signal: AbortSignal): Promise<readonly string[]>;
  /** The newest schema of a subject. */
  newest(subject: string, signal: AbortSignal): Promise<string | 'missing'>;
  /** Compatibility mode of a subject, or of the registry as a whole; undefined where it has none of its own. */
  compatibility(subject: string | undefined, signal: AbortSignal): Promise<string | undefined>;
}
