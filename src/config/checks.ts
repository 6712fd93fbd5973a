import { reservedTopicReason } from '../model/topic-patterns.ts';
import { isLoopback, parseListen } from './listen.ts';
import type { Problem } from './problems.ts';
import { shadowChecks } from './shadow-checks.ts';
import { tableChecks } from './table-checks.ts';
import type { Path, YamlSource } from './yaml-source.ts';

/**
 * Rules that look at more than one key. They read the file as it was written, so that they also speak
 * when other keys are wrong; a key of the wrong type is the schema's to report and is passed over here.
 */
export class Written {
  readonly source: YamlSource;
  readonly #problems: Problem[] = [];

  constructor(source: YamlSource) {
    this.source = source;
  }

  get problems(): readonly Problem[] {
    return this.#problems;
  }

  at(path: Path): unknown {
    return path.reduce<unknown>(
      (value, part) => (typeof value === 'object' && value !== null && Object.hasOwn(value, part) ? Reflect.get(value, part) : undefined),
      this.source.value,
    );
  }

  text(path: Path): string | undefined {
    const value = this.at(path);
    return typeof value === 'string' && value !== '' ? value : undefined;
  }

  number(path: Path, absent: number): number | undefined {
    if (!this.source.has(path)) return absent;
    const value = this.at(path);
    if (typeof value === 'string' && this.source.referred(path) && /^\d{1,15}$/.test(value)) return Number(value);
    return typeof value === 'number' ? value : undefined;
  }

  texts(path: Path): readonly string[] {
    const value = this.at(path);
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  }

  isMap(path: Path): boolean {
    const value = this.at(path);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  }

  report(path: Path, message: string, suggestion?: string): void {
    this.#problems.push({ ...this.source.positionOf(path), message, suggestion });
  }

  reportKey(path: Path, message: string, suggestion?: string): void {
    this.#problems.push({ ...this.source.positionOfKey(path), message, suggestion });
  }
}

export function crossChecks(source: YamlSource): readonly Problem[] {
  const written = new Written(source);
  for (const side of ['primary', 'regional']) {
    saslChecks(written, [side, 'kafka', 'sasl']);
    tlsChecks(written, [side, 'kafka', 'tls']);
    tlsChecks(written, [side, 'database', 'tls']);
    registryChecks(written, [side, 'registry']);
    if (side === 'regional' && written.source.has([side, 'registry', 'directory'])) {
      written.reportKey(
        [side, 'registry', 'directory'],
        'schemas cannot be registered in a directory',
        'give the url of the region’s registry, or leave it out',
      );
    }
    databaseChecks(written, [side, 'database']);
  }
  tlsChecks(written, ['cutover', 'primaryDatabase', 'tls']);
  databaseChecks(written, ['cutover', 'primaryDatabase']);
  nameChecks(written);
  sizeChecks(written);
  shardChecks(written);
  adminChecks(written, ['admin']);
  tableChecks(written);
  shadowChecks(written);
  return written.problems;
}

/** What begins a generation anew needs a mirror that nobody shares (C1); the way back carries next to nothing. */
function shardChecks(written: Written): void {
  const shards = written.number(['mirror', 'shards'], 1);
  if (shards === undefined || shards <= 1) return;
  if (written.text(['mirror', 'onRecreated']) === 'restart')
    written.report(['mirror', 'onRecreated'], 'onRecreated: restart needs mirror.shards: 1', 'stop');
  if (written.at(['mirror', 'standby']) === true)
    written.report(['mirror', 'standby'], 'standby: true needs mirror.shards: 1', 'shards: 1');
}

/** Reports unless exactly one of `key` and `keyFile` is written. */
function exactlyOne(written: Written, parent: Path, key: string, keyFile: string): void {
  const both = written.source.has([...parent, key]) && written.source.has([...parent, keyFile]);
  if (both) written.reportKey([...parent, keyFile], `${key} and ${keyFile} are both given`, 'keep one of them');
  if (!written.source.has([...parent, key]) && !written.source.has([...parent, keyFile])) {
    written.reportKey(parent, `${parent.join('.')} needs ${key} or ${keyFile}`);
  }
}

function saslChecks(written: Written, path: Path): void {
  if (!written.isMap(path)) return;
  const mechanism = written.text([...path, 'mechanism']);
  const oauth = mechanism === 'oauthbearer';
  if (oauth) exactlyOne(written, path, 'tokenCommand', 'tokenFile');
  else exactlyOne(written, path, 'password', 'passwordFile');
  for (const key of oauth ? ['username', 'password', 'passwordFile'] : ['tokenFile', 'tokenCommand']) {
    if (mechanism !== undefined && written.source.has([...path, key])) {
      written.reportKey([...path, key], `${key} is not for ${mechanism}`, 'remove it');
    }
  }
  if (mechanism !== undefined && !oauth && !written.source.has([...path, 'username'])) {
    written.reportKey(path, `${path.join('.')}.username is missing`);
  }
}

function tlsChecks(written: Written, path: Path): void {
  if (!written.isMap(path)) return;
  const certificate = written.source.has([...path, 'certFile']);
  if (certificate !== written.source.has([...path, 'keyFile'])) {
    written.reportKey([...path, certificate ? 'certFile' : 'keyFile'], 'certFile and keyFile go together', 'give both or neither');
  }
}

function registryChecks(written: Written, path: Path): void {
  if (!written.isMap(path)) return;
  exactlyOne(written, path, 'url', 'directory');
  const has = (key: string): boolean => written.source.has([...path, key]);
  if (!has('url')) {
    for (const key of ['username', 'password', 'passwordFile', 'caFile'].filter(has)) {
      written.reportKey([...path, key], `${key} is for a registry with a url`, 'remove it');
    }
    return;
  }
  if (has('username')) exactlyOne(written, path, 'password', 'passwordFile');
  else if (has('password') || has('passwordFile')) written.reportKey(path, `${path.join('.')}.username is missing`);
}

function databaseChecks(written: Written, path: Path): void {
  if (!written.isMap(path)) return;
  exactlyOne(written, path, 'url', 'urlFile');
  const lock = written.number([...path, 'lockTimeoutMs'], 5_000);
  const statement = written.number([...path, 'statementTimeoutMs'], 30_000);
  if (lock !== undefined && statement !== undefined && lock >= statement) {
    const key = written.source.has([...path, 'lockTimeoutMs']) ? 'lockTimeoutMs' : 'statementTimeoutMs';
    written.report(
      [...path, key],
      'lockTimeoutMs must be below statementTimeoutMs',
      'else the server never says that it waited for a lock',
    );
  }
}

function nameChecks(written: Written): void {
  const region = written.text(['region']);
  if (region !== undefined && region === written.text(['primary', 'name'])) {
    written.report(['region'], 'region and primary.name are the same', 'each data center has a name of its own');
  }
}

function sizeChecks(written: Written): void {
  const cycle = written.number(['mirror', 'maxCycleBytes'], 16_777_216);
  const partition = written.number(['mirror', 'maxPartitionFetchBytes'], 8_388_608);
  const buffer = written.number(['limits', 'bufferBytes'], 67_108_864);
  const place = (a: Path, b: Path): Path => (written.source.has(a) ? a : b);
  if (cycle !== undefined && partition !== undefined && partition > cycle) {
    const at = place(['mirror', 'maxPartitionFetchBytes'], ['mirror', 'maxCycleBytes']);
    written.report(at, 'maxPartitionFetchBytes must not be above maxCycleBytes');
  }
  // One cycle is read while the one before it is in its transaction.
  if (cycle !== undefined && buffer !== undefined && 2 * cycle > buffer) {
    const at = place(['limits', 'bufferBytes'], ['mirror', 'maxCycleBytes']);
    written.report(at, 'limits.bufferBytes must hold two cycles of mirror.maxCycleBytes', `at least ${2 * cycle}`);
  }
  const prefix = written.text(['mirror', 'prefix']);
  if (prefix === undefined) return;
  for (const [index, pattern] of written.texts(['mirror', 'topics']).entries()) {
    const reason = pattern.endsWith('*') ? undefined : reservedTopicReason(prefix + pattern);
    if (reason !== undefined) written.report(['mirror', 'topics', index], `${prefix}${pattern} is reserved in the region: ${reason}`);
  }
}

export function adminChecks(written: Written, path: Path): void {
  const listen = written.text([...path, 'listen']);
  const address = listen === undefined ? undefined : parseListen(listen);
  if (address !== undefined && !isLoopback(address.host) && !written.source.has([...path, 'tokenFile'])) {
    written.report([...path, 'listen'], 'an address that others can reach needs admin.tokenFile', 'or listen on 127.0.0.1');
  }
}
