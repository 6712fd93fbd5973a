import { describe, expect, it } from 'vitest';
import { outgoingHeaders } from '../../../src/shadow/outgoing-headers.ts';

const side = { host: 'billing.svc:8080', authorization: 'Bearer ours', cookie: 'session=ours' };
const rules = { set: new Map([['x-tenant', 't1']]), drop: new Set(['x-debug']) };
const sent = (headers: Record<string, string>, over: Partial<typeof side> = {}, bodyBytes?: number) =>
  outgoingHeaders(new Map(Object.entries(headers)), rules, { ...side, ...over }, bodyBytes);

describe('the headers of a question', () => {
  it('keeps what the request asks for, and puts the target’s credentials in place of the user’s', () => {
    expect(
      sent({ accept: 'text/html', authorization: 'Bearer theirs', cookie: 'session=theirs', host: 'evil', 'x-api-key': 'theirs' }),
    ).toEqual({
      accept: 'text/html',
      'x-tenant': 't1',
      host: 'billing.svc:8080',
      authorization: 'Bearer ours',
      cookie: 'session=ours',
      'accept-encoding': 'identity',
      'farshore-shadow': '1',
    });
  });

  it('sends no credentials at all where none are configured', () => {
    const headers = outgoingHeaders(
      new Map([
        ['authorization', 'Bearer theirs'],
        ['cookie', 'a=b'],
        ['proxy-authorization', 'Basic x'],
      ]),
      { set: new Map(), drop: new Set() },
      { host: 'h', authorization: undefined, cookie: undefined },
      undefined,
    );
    expect(Object.keys(headers).sort()).toEqual(['accept-encoding', 'farshore-shadow', 'host']);
  });

  it.each([
    ...['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'proxy-connection', 'expect', 'http2-settings'],
    ...['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded', 'via', 'x-real-ip', 'x-original-uri', 'x-rewrite-url'],
    ...['if-none-match', 'if-modified-since', 'content-length', 'x-debug', 'x-envoy-original-path'],
  ])('leaves out %s', (name) => {
    expect(sent({ [name]: 'value' })).not.toHaveProperty(name);
  });

  it('leaves out what Connection lists, and says the length of its own body only', () => {
    expect(sent({ connection: 'close, X-Hop', 'x-hop': '1' })).not.toHaveProperty('x-hop');
    expect(sent({ 'content-length': '999' }, {}, 3)['content-length']).toBe('3');
  });

  it('takes a header named like a property of objects for a header', () => {
    expect(Object.keys(outgoingHeaders(new Map([['__proto__', 'x']]), rules, side, undefined))).toContain('__proto__');
  });
});
