import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { quickStartFlags, rigJava } from './java.ts';

export type Isolation = 'read_committed' | 'read_uncommitted';
export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
export type OracleHeader = readonly [name: string, value: Buffer | null];

/** A record as the Java consumer returned it. */
export interface OracleRecord {
  readonly partition: number;
  readonly offset: bigint;
  /** Milliseconds since the Unix epoch. */
  readonly timestamp: bigint;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly OracleHeader[];
}

export interface Consumed {
  /** In log order within a partition. */
  readonly records: readonly OracleRecord[];
  /** Where reading ended: last stable offsets with read_committed, high watermarks otherwise. */
  readonly ends: ReadonlyMap<number, bigint>;
}

export interface PartitionDigest {
  readonly partition: number;
  readonly count: bigint;
  readonly end: bigint;
  /** Hex; over timestamp, key, value and headers of all records in log order, not over offsets. */
  readonly sha256: string;
}

export interface RecordToSend {
  readonly key?: Buffer | string | null;
  readonly value?: Buffer | string | null;
  readonly timestamp?: bigint | number;
  readonly headers?: readonly (readonly [name: string, value: Buffer | string | null])[];
  /** Goes before the request's partition. */
  readonly partition?: number;
}

export interface SendRequest {
  readonly topic: string;
  /** Default: the partitioner's choice. */
  readonly partition?: number;
  readonly records: readonly RecordToSend[];
  /** Ends a batch after so many records; default: only at the end, or when `batchBytes` is reached. */
  readonly flushEvery?: number;
}

export interface ProducerSettings {
  readonly bootstrap: string;
  readonly codec?: Codec;
  /** `batch.size`, default 1,000,000. */
  readonly batchBytes?: number;
  /** Default 60,000: a batch ends at a flush or when it is full. */
  readonly lingerMs?: number;
  readonly transactionalId?: string;
  readonly transactionTimeoutMs?: number;
}

export interface SentRecord {
  readonly partition: number;
  readonly offset: bigint;
}

interface TopicAt {
  readonly bootstrap: string;
  readonly topic: string;
}

function encoded(value: Buffer | string | null | undefined): string | null {
  return value === null || value === undefined ? null : Buffer.from(value).toString('base64');
}

function decoded(value: string | null): Buffer | null {
  return value === null ? null : Buffer.from(value, 'base64');
}

function wireRecords(records: readonly RecordToSend[]): object[] {
  return records.map(({ key, value, timestamp, headers = [], partition }) => ({
    key: encoded(key),
    value: encoded(value),
    timestamp: timestamp === undefined ? null : String(timestamp),
    headers: headers.map(([name, content]) => [name, encoded(content)]),
    partition: partition ?? null,
  }));
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** Kafka's own Java clients in one virtual machine; every method is one request, answered in the order of asking. */
export class Oracle implements AsyncDisposable {
  readonly #process;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #errors = '';

  private constructor(command: string, args: readonly string[]) {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#process = child;
    child.stdin.on('error', () => undefined);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-4_000);
    });
    createInterface({ input: child.stdout }).on('line', (line) => this.#settle(JSON.parse(line)));
    child.on('error', (error) => this.#failAll(error.message));
    child.on('exit', (code, signal) => this.#failAll(`the oracle ended (${code ?? signal})`));
  }

  static async start(): Promise<Oracle> {
    const java = await rigJava();
    return new Oracle('java', [...quickStartFlags(java, 768), '-cp', java.classPath, 'Oracle']);
  }

  #settle({ id, result, error }: { id: number; result?: unknown; error?: string }): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }

  #failAll(reason: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(`${reason}\n${this.#errors}`));
    this.#waiting.clear();
  }

  async #ask(op: string, request: object): Promise<unknown> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) throw new Error(`the oracle has ended\n${this.#errors}`);
    const id = ++this.#lastId;
    return await new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#process.stdin.write(`${JSON.stringify({ id, op, ...request })}\n`);
    });
  }

  async consume(request: TopicAt & { readonly isolation: Isolation }): Promise<Consumed> {
    const { records, ends } = (await this.#ask('consume', request)) as {
      records: {
        partition: number;
        offset: string;
        timestamp: string;
        timestampType: OracleRecord['timestampType'];
        key: string | null;
        value: string | null;
        headers: [string, string | null][];
      }[];
      ends: Record<string, string>;
    };
    return {
      records: records.map((record) => ({
        ...record,
        offset: BigInt(record.offset),
        timestamp: BigInt(record.timestamp),
        key: decoded(record.key),
        value: decoded(record.value),
        headers: record.headers.map(([name, value]): OracleHeader => [name, decoded(value)]),
      })),
      ends: new Map(Object.entries(ends).map(([partition, end]) => [Number(partition), BigInt(end)])),
    };
  }

  /** For topics too large to bring over: one digest a partition, in order of partition. */
  async digest(request: TopicAt & { readonly isolation: Isolation }): Promise<PartitionDigest[]> {
    const digests = (await this.#ask('digest', request)) as { partition: number; count: string; end: string; sha256: string }[];
    return digests.map((digest) => ({ ...digest, count: BigInt(digest.count), end: BigInt(digest.end) }));
  }

  /** With a producer of its own, closed afterwards; with `transactionalId`, in one committed transaction. */
  async produce(request: ProducerSettings & SendRequest): Promise<SentRecord[]> {
    return this.#sent(await this.#ask('produce', { ...request, records: wireRecords(request.records) }));
  }

  #sent(result: unknown): SentRecord[] {
    return (result as { partition: number; offset: string }[]).map(({ partition, offset }) => ({ partition, offset: BigInt(offset) }));
  }

  /** Begins a transaction on the producer of this name, which is made (and fences its transactional id's older producers) the first time. */
  async begin(producer: string, settings: ProducerSettings & { readonly transactionalId: string }): Promise<void> {
    await this.#ask('begin', { ...settings, producer });
  }

  /** The records are in the log when this resolves, so that the next step of another transaction comes after them. */
  async send(producer: string, request: SendRequest): Promise<SentRecord[]> {
    return this.#sent(await this.#ask('send', { ...request, producer, records: wireRecords(request.records) }));
  }

  /** The markers are in the log when this resolves. */
  async commit(producer: string): Promise<void> {
    await this.#ask('commit', { producer });
  }

  /** The markers are in the log when this resolves. */
  async abort(producer: string): Promise<void> {
    await this.#ask('abort', { producer });
  }

  /** Closes the producer as a crash would: its transaction stays open until the coordinator's time limit. */
  async abandon(producer: string): Promise<void> {
    await this.#ask('abandon', { producer });
  }

  async createTopic(
    request: TopicAt & { readonly partitions?: number; readonly configs?: Readonly<Record<string, string>> },
  ): Promise<void> {
    await this.#ask('createTopic', request);
  }

  /** Grows the topic to `count` partitions. */
  async createPartitions(request: TopicAt & { readonly count: number }): Promise<void> {
    await this.#ask('createPartitions', request);
  }

  async deleteTopic(request: TopicAt): Promise<void> {
    await this.#ask('deleteTopic', request);
  }

  /** Moves the log's start, as retention does. */
  async deleteRecords(request: TopicAt & { readonly partition: number; readonly before: bigint }): Promise<void> {
    await this.#ask('deleteRecords', { ...request, before: String(request.before) });
  }

  async alterConfigs(request: TopicAt & { readonly configs: Readonly<Record<string, string>> }): Promise<void> {
    await this.#ask('alterConfigs', request);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exit = once(this.#process, 'exit');
    this.#process.stdin.end();
    await exit;
  }
}
