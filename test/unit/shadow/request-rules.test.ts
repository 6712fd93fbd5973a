import { describe, expect, it } from 'vitest';
import { judgeRequest, type RawRequest, SHADOW_HEADER } from '../../../src/shadow/request-rules.ts';
import { parseSafeRoute } from '../../../src/shadow/safe-routes.ts';

const raw = (over: Partial<RawRequest> = {}): RawRequest => ({
  id: '1',
  method: 'GET',
  target: '/orders/1?page=2',
  headers: [['Accept', 'application/json']],
  body: undefined,
  receivedAtMs: 5,
  ...over,
});
const safe = ['POST /search/*', 'POST /reports/**', 'GET /query'].map((route) => parseSafeRoute(route)!);
const judge = (over: Partial<RawRequest> = {}) => {
  const judged = judgeRequest(raw(over), 'mirror', { maxBodyBytes: 10, safe });
  return judged.kind === 'skipped' ? judged.reason : judged.request;
};

describe('what of a request may be asked again', () => {
  it('takes a reading request apart', () => {
    expect(judge()).toEqual({
      id: '1',
      method: 'GET',
      path: '/orders/1',
      query: 'page=2',
      headers: new Map([['accept', 'application/json']]),
      body: undefined,
      receivedAtMs: 5,
      source: 'mirror',
    });
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'CONNECT', 'TRACE', 'PURGE'])('skips %s where no route is listed', (method) => {
    expect(judge({ method })).toBe('unsafe_method');
  });

  it.each([
    ['/search/orders', true],
    ['/reports/a/b/c', true],
    ['/reports', true],
    ['/search', false],
    ['/search/', false],
    ['/search/a/b', false],
    ['/search/..', false],
    ['/reports/../delete', false],
    ['/reports/%2e%2e/delete', false],
    ['/reports/..%2fdelete', false],
    ['/reports//delete', false],
    ['/reports/a\\..\\delete', false],
    ['/reports/..;/delete', false],
  ])('of a listed route asks POST %s: %s', (target, asked) => {
    const judged = judge({ method: 'POST', target, body: Buffer.from('{}') });
    expect(typeof judged === 'string' ? judged : 'asked').toBe(asked ? 'asked' : 'unsafe_method');
  });

  it.each([
    ['a header', { headers: [['X-HTTP-Method-Override', 'DELETE']] }],
    ['another header', { headers: [['x-method-override', 'DELETE']] }],
    ['the query', { target: '/orders?a=1&_method=delete' }],
    ['the encoded query', { target: '/orders?%5fmethod=delete' }],
    [
      'a form',
      {
        method: 'POST',
        target: '/search/x',
        headers: [['Content-Type', 'application/x-www-form-urlencoded']],
        body: Buffer.from('_method=PUT'),
      },
    ],
  ] as const)('is not talked into another method by %s', (_where, over) => {
    expect(judgeRequest(raw(over), 'topic', { maxBodyBytes: 100, safe })).toEqual({ kind: 'skipped', reason: 'unsafe_method' });
  });

  it('asks a GET with a body only of a listed route: a server that does not read it takes it for the next request', () => {
    expect(judge({ body: Buffer.from('{}') })).toBe('unsafe_method');
    expect(judge({ target: '/query', body: Buffer.from('{}') })).toMatchObject({ method: 'GET', path: '/query' });
  });

  it.each([
    ['an absolute URI', { target: 'http://169.254.169.254/latest' }],
    ['no path', { target: 'orders' }],
    ['a blank in the path', { target: '/a HTTP/1.1' }],
    ['a line break in the path', { target: '/a\r\nHost: b' }],
    ['a fragment', { target: '/a#b' }],
    ['letters beyond ASCII in the path', { target: '/ä' }],
    ['a path without an end', { target: `/${'a'.repeat(9_000)}` }],
    ['a line break in a header', { headers: [['a', 'b\r\nDELETE / HTTP/1.1']] }],
    ['a NUL in a header', { headers: [['a', 'b\0']] }],
    ['a blank in a header’s name', { headers: [['a b', 'c']] }],
    ['no header name', { headers: [['', 'c']] }],
    [
      'two hosts',
      {
        headers: [
          ['Host', 'a'],
          ['host', 'b'],
        ],
      },
    ],
    [
      'two lengths',
      {
        headers: [
          ['Content-Length', '0'],
          ['content-length', '0'],
        ],
      },
    ],
    [
      'a length beside chunks',
      {
        headers: [
          ['Content-Length', '0'],
          ['Transfer-Encoding', 'chunked'],
        ],
      },
    ],
    ['a length that is not the body’s', { headers: [['Content-Length', '44']] }],
    ['a length that is no number', { headers: [['Content-Length', '+0']] }],
    ['a method with a line break', { method: 'GET / HTTP/1.1\r\nDELETE' }],
    ['a method in small letters', { method: 'get' }],
    ['too many headers', { headers: Array.from({ length: 129 }, (_, n) => [`h${n}`, '']) as [string, string][] }],
    ['headers too long', { headers: [['a', 'x'.repeat(33_000)]] }],
  ] as [string, Partial<RawRequest>][])('refuses %s', (_what, over) => {
    expect(judge(over)).toBe('malformed');
  });

  it('skips what the shadow sent itself, and what is too large', () => {
    expect(judge({ headers: [[SHADOW_HEADER, '1']] })).toBe('own_request');
    expect(judge({ method: 'POST', target: '/search/x', body: Buffer.alloc(11) })).toBe('too_large');
  });

  it('joins repeated headers and leaves out those of HTTP/2', () => {
    const judged = judge({
      headers: [
        [':path', '/other'],
        ['Accept', 'a'],
        ['accept', 'b'],
        ['Cookie', 'c=1'],
        ['cookie', 'd=2'],
      ],
    });
    expect(typeof judged === 'string' ? judged : [...judged.headers]).toEqual([
      ['accept', 'a, b'],
      ['cookie', 'c=1; d=2'],
    ]);
  });

  it.each(['POST search', 'post /a', '/a', 'POST /a?b', 'CONNECT /a', 'TRACE /a', 'POST /**/a', 'POST /a b'])('%s is no route', (route) => {
    expect(parseSafeRoute(route)).toBeUndefined();
  });
});
