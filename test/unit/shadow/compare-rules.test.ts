import { describe, expect, it } from 'vitest';
import { shadowCompareSchema } from '../../../src/config/shadow-rules-schema.ts';
import { generalKey, matchesPath, PathTree, parsePathPattern } from '../../../src/shadow/paths.ts';
import { replaced, replacementOf } from '../../../src/shadow/replacement.ts';
import { RouteGroups } from '../../../src/shadow/routes.ts';
import { RuleBook } from '../../../src/shadow/rules.ts';
import { rule } from './answers.ts';

describe('paths of rules', () => {
  const matches = (pattern: string, path: string): boolean => {
    const segments = parsePathPattern(path)!;
    return matchesPath(parsePathPattern(pattern)!, segments as never);
  };

  it.each([
    ['items[].price', '$.items[].price', true],
    ['$.items[].price', '$.items[].price', true],
    ['items[].*', '$.items[].price', true],
    ['items.*', '$.items[]', false],
    ['**.price', '$.items[].price', true],
    ['**', '$', true],
    ['**', '$.a.b', true],
    ['*', '$.a.b', false],
    ['a.**.z', '$.a.z', true],
    ['["a.b"].c', '$["a.b"].c', true],
    ['users.1234.name', '$.users.{id}.name', true],
    ['header.etag', 'header.etag', true],
    ['header.*', 'header.etag', true],
    ['**', 'header.etag', false],
    ['status', '$.status', false],
    ['status', 'status', true],
    ['$.status', '$.status', true],
    ['body', '$.body', false],
  ])('%s at %s: %s', (pattern, path, expected) => {
    expect(matches(pattern, path)).toBe(expected);
  });

  it.each(['a..b', 'a[0]', 'a.', '', 'a b', '**.**.**.a', `${'a.'.repeat(300)}a`])('%s is none', (text) => {
    expect(parsePathPattern(text)).toBeUndefined();
  });

  it('are remembered for as many places as are allowed, and looked up anew for the rest', () => {
    let looks = 0;
    const tree = new PathTree(() => (looks += 1), { nodes: 2 });
    const roots = looks;
    for (let at = 0; at < 3; at += 1) for (const key of ['a', 'b', 'c']) expect(tree.json.key(key).text).toBe(`$.${key}`);
    // Once each for a and b, and each time for c.
    expect(looks - roots).toBe(2 + 3);
  });

  it('leave ids out, whatever they look like', () => {
    const ids = ['42', '550e8400-e29b-41d4-a716-446655440000', '01ARZ3NDEKTSV4RRFFQ69G5FAV', 'f'.repeat(30) + 1];
    expect(ids.map(generalKey)).toEqual(['{id}', '{id}', '{id}', '{id}']);
    expect(['items', 'v2', 'internationalization_settings'].map(generalKey)).toEqual(['items', 'v2', 'internationalization_settings']);
  });
});

describe('replacements', () => {
  it.each([
    '(a+)+',
    '(a|b)*',
    '(a|aa){3}',
    '(?:x{1,5})?',
    '(a)\\1',
    '(?=a)',
    '(?<!a)b',
    '\\k<x>',
    '((a?)b)*',
    'a+b+c+d+',
    '(',
    'a'.repeat(201),
  ])('%s is refused', (pattern) => {
    expect(replacementOf(pattern, '')).toBeTypeOf('string');
  });

  it.each([
    ['[0-9a-f]{8}', 8_192],
    ['\\?v=\\d{1,10}', 8_192],
    ['\\s+', 1_024],
    ['\\d+-\\d+', 256],
    ['(abc)?', 8_192],
    ['\\p{Lu}(?:ab|cd)', 8_192],
    ['[+*?(){}]', 8_192],
  ])('%s is used on texts up to %d', (pattern, maxLength) => {
    expect(replacementOf(pattern, '')).toMatchObject({ maxLength });
  });

  it('leave a text alone that is too long for its pattern, so that no text makes them slow', () => {
    const replacement = replacementOf('\\d+-\\d+', 'N');
    if (typeof replacement === 'string') throw new Error(replacement);
    expect(replaced('order 12-345', [replacement])).toBe('order N');
    expect(replaced('1'.repeat(257), [replacement])).toHaveLength(257);
  });
});

describe('routes', () => {
  it('takes the configured one that names more, else a group with ids left out', () => {
    const groups = new RouteGroups(['GET /users/{id}', 'GET /users/me', 'GET /{kind}/1', 'POST /users/{id}'], 10);
    const of = (path: string, method = 'GET'): string => groups.of(method, path);
    expect([of('/users/7'), of('/users/me'), of('/users/1'), of('/x/1'), of('/users/7', 'POST')]).toEqual([
      'GET /users/{id}',
      'GET /users/me',
      'GET /users/{id}',
      'GET /{kind}/1',
      'POST /users/{id}',
    ]);
    expect([of('/users/'), of('/a/12/b'), of('/'), of('/a/12/b', 'HEAD')]).toEqual([
      'GET /users/',
      'GET /a/{id}/b',
      'GET /',
      'HEAD /a/{id}/b',
    ]);
  });

  it('never has more groups than it may, whatever is asked', () => {
    const groups = new RouteGroups(['GET /a'], 3);
    const labels = new Set(Array.from({ length: 1_000 }, (_, at) => groups.of('GET', `/x${at}y`)));
    expect(labels).toEqual(new Set(['GET /x0y', 'GET /x1y', 'GET /x2y', 'other']));
    expect([groups.overflowed, groups.of('GET', '/a'), groups.of('GET', `/${'z'.repeat(500)}`)]).toEqual([997, 'GET /a', 'other']);
    const restored = new RouteGroups(['GET /a'], 2);
    restored.restore(['GET /a', 'other', 'GET /old', 'GET /older', 'GET /oldest']);
    expect(['GET /a', 'other', 'GET /old', 'GET /older', 'GET /oldest'].map((label) => restored.has(label))).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
  });
});

describe('the configuration of comparing', () => {
  const problems = (compare: unknown): readonly string[] => {
    const { error } = shadowCompareSchema.safeParse(compare);
    return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
  };

  it('takes rules as they are written, and says where one is wrong', () => {
    expect(problems({})).toEqual([]);
    expect(problems({ routes: ['GET /users/{id}'], rules: [{ route: 'GET /users/{id}', path: 'items[].at', withinSeconds: 2 }] })).toEqual(
      [],
    );
    expect(problems({ routes: ['/users'], rules: [{ path: 'a..b' }, { path: 'a', replace: { pattern: '(a+)+', with: '' } }] })).toEqual([
      'routes.0: this is no route',
      'rules.0.path: this is no path of a value',
      'rules.1.replace.pattern: a quantifier stands around another one, or around alternatives',
    ]);
    expect(problems({ rules: [{ route: 'GET /users/{id}', path: 'a' }] })).toEqual([
      'rules.0.route: GET /users/{id} is none of shadow.compare.routes: the rule would never be used',
    ]);
  });

  it('uses a rule of one route for that route only', () => {
    const book = new RuleBook([rule('at', { route: 'GET /a', ignore: true }), rule('**', { lowerCase: true })]);
    const at = (route: string) => book.of(route).json.key('at').value;
    expect([at('GET /a').ignore, at('GET /b').ignore, at('GET /b').lowerCase]).toEqual([true, false, true]);
  });
});
