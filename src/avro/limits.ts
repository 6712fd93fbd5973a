/**
 * What bytes and schemas may become. A record's bytes are bounded by its batch; these bound what few bytes can stand for. All
 * are far above what a row of PostgreSQL holds and what a registry keeps. Whatever is above is refused with the limit's name.
 */
export const decodeLimits = {
  /** Of a record's body. As JSON a text takes up to six times its bytes, and a string of JavaScript ends at 512 MiB. */
  maxBodyBytes: 67_108_864,
  /** Items of arrays and maps and fields of nested records, all together, in one record. A value takes some 10 to 120 bytes of memory. */
  maxValues: 1_000_000,
  /** Of these, values in items and nested records that take no byte at all: arrays of null, of empty records. They cost a producer nothing. */
  maxEmptyValues: 1_000,
  /** Records, arrays and maps inside one another. Each level takes some stack; only a schema that names itself goes deep. */
  maxDepth: 256,
  /** Of a decimal: 65,536 bytes are 157,826 digits, and PostgreSQL's numeric ends at 147,455. Beyond, the time to write it out grows faster than its size. */
  maxDecimalBytes: 65_536,
  /** Digits that a decimal may have behind its point, as PostgreSQL's numeric: one byte would be written out with all of them. */
  maxScale: 16_383,
  /**
   * Characters that a record's decimals, enum symbols and names of nested fields are written out with, those of up to `uncountedLength` left out: their
   * number bounds them. A byte may stand for a symbol of megabytes.
   */
  maxWrittenLength: 67_108_864,
  /** Digits behind a point, or characters of a symbol or a field's name, that are not counted. */
  uncountedLength: 64,
  /** Characters of a schema with all it refers to. A registry that keeps its schemas in Kafka takes 1 MB a schema. */
  maxSchemaLength: 4_194_304,
  /** Fields of all records in a schema. */
  maxSchemaFields: 10_000,
  /** Types inside one another in a schema's text. */
  maxSchemaDepth: 64,
} as const;
