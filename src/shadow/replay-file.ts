import { FarshoreError } from '../model/errors.ts';
import type { RecordedRequest } from './recorded-request.ts';

/**
 * The requests of a replay file: a HAR as browsers save it, or NDJSON with one request a line:
 * `{"method":"GET","path":"/orders?page=2","headers":{"accept":"application/json"},"body":"…"}`.
 *
 * Throws `request_invalid` naming the first line or entry that is no request.
 */
export function readReplayFile(text: string, file: string): readonly RecordedRequest[] {
  const har = file.toLowerCase().endsWith('.har') ? parsed(text, file) : undefined;
  if (har !== undefined) return harRequests(har, file);
  const lines = text.split('\n').map((line, index) => ({ line: line.trim(), place: `${file}:${index + 1}` }));
  const requests = lines.filter(({ line }) => line !== '').map(({ line, place }) => lineRequest(parsed(line, place), place));
  if (requests.length === 0) throw invalid('the file holds no request', file);
  return requests;
}

function harRequests(har: unknown, file: string): readonly RecordedRequest[] {
  const entries = field(field(har, 'log'), 'entries');
  if (!Array.isArray(entries) || entries.length === 0) throw invalid('the file holds no log.entries', file);
  return entries.map((entry: unknown, index) => {
    const place = `${file}: entry ${index + 1}`;
    const request = field(entry, 'request');
    const data = field(request, 'postData');
    const body = data === undefined || data === null ? undefined : field(data, 'text');
    if (body !== undefined && typeof body !== 'string') throw invalid('postData.text is no text', place);
    const isBase64 = field(data, 'encoding') === 'base64';
    return {
      method: method(field(request, 'method'), place),
      target: target(field(request, 'url'), place),
      headers: headerPairs(field(request, 'headers') ?? [], place),
      body: body === undefined || body === '' ? null : isBase64 ? body : base64(body),
    };
  });
}

function lineRequest(line: unknown, place: string): RecordedRequest {
  const body = field(line, 'body');
  const bytes = field(line, 'bodyBase64');
  if (body !== undefined && bytes !== undefined) throw invalid('body and bodyBase64 are both given', place);
  for (const one of [body, bytes]) {
    if (one !== undefined && one !== null && typeof one !== 'string') throw invalid('the body is no text', place);
  }
  const query = field(line, 'query');
  const path = target(field(line, 'path') ?? field(line, 'url'), place);
  if (query !== undefined && typeof query !== 'string') throw invalid('query is no text', place);
  return {
    method: method(field(line, 'method') ?? 'GET', place),
    target: query === undefined || query === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${query.replace(/^\?/, '')}`,
    headers: headerPairs(field(line, 'headers') ?? {}, place),
    body: typeof bytes === 'string' ? bytes : typeof body === 'string' && body !== '' ? base64(body) : null,
  };
}

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;

function method(value: unknown, place: string): string {
  if (typeof value === 'string' && /^[A-Za-z]{1,20}$/.test(value)) return value.toUpperCase();
  throw invalid('method is no HTTP method', place);
}

/** Of an address only what is behind its host: where questions go is for the configuration to say. */
function target(value: unknown, place: string): string {
  if (typeof value !== 'string') throw invalid('path (or url) is missing', place);
  if (value.startsWith('/')) return value.split('#', 1)[0]!;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw invalid('path is no path and no http address', place);
  return `${url.pathname}${url.search}`;
}

/** `{name: value}`, `[[name, value]]` or `[{name, value}]`. */
function headerPairs(value: unknown, place: string): readonly (readonly [string, string])[] {
  const pairs = Array.isArray(value)
    ? value.map((one: unknown) => (Array.isArray(one) ? [one[0], one[1]] : [field(one, 'name'), field(one, 'value')]))
    : Object.entries(Object(value) as object);
  return pairs.map(([name, text]) => {
    if (typeof name === 'string' && typeof text === 'string') return [name, text] as const;
    throw invalid('headers are no names with texts', place);
  });
}

function parsed(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid('this is no JSON', place, cause);
  }
}

const invalid = (message: string, place: string, cause?: unknown): FarshoreError =>
  new FarshoreError('request_invalid', message, {
    place,
    cause,
    hint: 'A replay file is a HAR (.har), or NDJSON with one request a line: {"method":"GET","path":"/orders?page=2","headers":{}}',
  });
