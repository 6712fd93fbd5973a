/** Keeps schema texts in the regional database, by issuing registry and id (C22). */
export interface SchemaKeeper {
  /** Rejects with `schema_conflict` while two texts are recorded for the id: whoever needs it stops. */
  get(registry: string, ref: string, signal: AbortSignal): Promise<string | undefined>;
  /** Rejects with `schema_conflict` when the id stands for another text: that is recorded with it, until an operator settles it. */
  put(registry: string, ref: string, schema: string, signal: AbortSignal): Promise<'kept' | 'same'>;
  /** The ids of a registry for which two texts are recorded. */
  conflicts(registry: string, signal: AbortSignal): Promise<readonly string[]>;
}

/** One GET to a registry. Rejects when nothing was answered; an answer of any status resolves. */
export type HttpGet = (
  url: string,
  request: { readonly headers: Readonly<Record<string, string>>; readonly timeoutMs: number; readonly signal: AbortSignal },
) => Promise<{ readonly status: number; readonly body: string }>;

/** One exchange that changes a registry; otherwise as `HttpGet`. */
export type HttpSend = (
  url: string,
  request: Parameters<HttpGet>[1] & { readonly method: 'POST' | 'PUT' | 'DELETE'; readonly body?: string },
) => ReturnType<HttpGet>;

/** A version of a subject, as its registry holds it. */
export interface SubjectVersion {
  readonly subject: string;
  readonly version: number;
  readonly id: number;
  readonly schema: string;
  /** AVRO, JSON or PROTOBUF. */
  readonly type: string;
  readonly references: readonly { readonly name: string; readonly subject: string; readonly version: number }[];
  /** Softly: its id stays given, and records that name it are still read. */
  readonly deleted: boolean;
}

/** The subjects of a registry, whoever issued their ids. */
export interface SubjectVersions {
  readonly name: string;
  /** Softly deleted ones too. */
  list(signal: AbortSignal): Promise<readonly { readonly subject: string; readonly version: number }[]>;
  read(subject: string, version: number, signal: AbortSignal): Promise<SubjectVersion | 'missing'>;
  /** The highest id it has given, deleted versions among them where it tells of those; 0: none. */
  highestId(signal: AbortSignal): Promise<number>;
}

/** A registry that takes schemas with the ids of another (C22). */
export interface ImportingRegistry extends SubjectVersions {
  /** Of the subject, or else of the registry as a whole. */
  mode(subject: string, signal: AbortSignal): Promise<string>;
  setMode(subject: string, mode: 'IMPORT' | 'READWRITE', signal: AbortSignal): Promise<void>;
  /** With its id and version; the subject is in IMPORT mode. Rejects with `schema_conflict` when either stands for something else there. */
  register(version: SubjectVersion, signal: AbortSignal): Promise<void>;
  /** Deletes a version softly, unless the registry does not let it go. */
  remove(subject: string, version: number, signal: AbortSignal): Promise<void>;
}

/** Where schemas come from. Texts are self-contained: references are resolved into them (see schema-text.ts). */
export interface SchemaRegistry {
  /** Names the issuer in the kept copies: ids of two registries are different ids. */
  readonly name: string;
  /** `missing` is an answer; rejects with `registry_unreachable` when there was none. */
  byRef(ref: string, signal: AbortSignal): Promise<string | 'missing'>;
  /** Every id it has now, of softly deleted versions too, for carrying schemas ahead of their records. */
  refs(signal: AbortSignal): Promise<readonly string[]>;
  /** The newest schema of a subject. */
  newest(subject: string, signal: AbortSignal): Promise<string | 'missing'>;
  /** Compatibility mode of a subject, or of the registry as a whole; undefined where it has none of its own. */
  compatibility(subject: string | undefined, signal: AbortSignal): Promise<string | undefined>;
}
