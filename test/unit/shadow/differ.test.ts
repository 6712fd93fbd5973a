import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareAnswers } from '../../../src/shadow/differ.ts';
import { compareLimits } from '../../../src/shadow/difference.ts';
import { parseJson } from '../../../src/shadow/json-value.ts';
import { answer, differences, documents, found, rule, settings } from './answers.ts';

const seeded = fc.integer({ min: 1, max: 2 ** 31 - 1 });

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 48_271) >>> 0) % 0x7fffffff;
    return state / 0x7fffffff;
  };
}

/** The same document with the elements of every array and the keys of every object in another order. */
function shuffled(value: unknown, next: () => number): unknown {
  if (Array.isArray(value)) {
    return value
      .map((item) => ({ item: shuffled(item, next), at: next() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ item }) => item);
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => ({ entry: [key, shuffled(inner, next)] as const, at: next() }));
  return Object.fromEntries(entries.toSorted((a, b) => a.at - b.at).map(({ entry }) => entry));
}

interface Place {
  readonly path: string;
  readonly change: () => void;
}

/** Every leaf of a document, with a change of it. */
function leaves(value: unknown, path: string, set: (value: unknown) => void): readonly Place[] {
  if (Array.isArray(value)) {
    const inner = value.flatMap((item, at) => leaves(item, `${path}[]`, (changed) => value.splice(at, 1, changed)));
    return inner.length === 0 ? [{ path, change: () => set('planted') }] : inner;
  }
  if (typeof value === 'object' && value !== null) {
    const keyText = (key: string): string => (/^[^\s.[\]"]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`);
    const inner = Object.entries(value).flatMap(([key, item]) =>
      leaves(item, path + keyText(key), (changed) => Object.defineProperty(value, key, { value: changed, enumerable: true })),
    );
    return inner.length === 0 ? [{ path, change: () => set('planted') }] : inner;
  }
  return [{ path, change: () => set('planted') }];
}

describe('comparing answers', () => {
  it('finds nothing after any allowed reordering', () => {
    const rules = [rule('**', { unordered: true })];
    fc.assert(
      fc.property(documents, seeded, (document, seed) => {
        expect(found(JSON.stringify(document), JSON.stringify(shuffled(document, random(seed)), null, 2), rules)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it.each([false, true])('finds any single planted change with its path, arrays unordered: %s', (unordered) => {
    const rules = unordered ? [rule('**', { unordered: true })] : [];
    fc.assert(
      fc.property(documents, fc.nat(), seeded, (document, pick, seed) => {
        const holder = { root: structuredClone(document) };
        const places = leaves(holder.root, '$', (value) => Object.assign(holder, { root: value }));
        const place = places[pick % places.length]!;
        place.change();
        const other = unordered ? shuffled(holder.root, random(seed)) : holder.root;
        const paths = differences(JSON.stringify(document), JSON.stringify(other), rules).map(({ path }) => path);
        if (unordered) {
          // An element of its own is missing and another extra where nothing says which one became which: then the path is one above the change.
          expect(paths.length).toBeGreaterThan(0);
          for (const path of paths) expect(place.path.startsWith(path) || path.startsWith(commonArray(place.path))).toBe(true);
        } else expect(paths).toEqual([place.path]);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps numbers exact', () => {
    expect(found('[9007199254740993]', '[9007199254740992]')).toEqual(['value $[]']);
    expect(found('[1.0, 1e3, -0, 0.10, 12e-1]', '[1, 1000, 0, 0.1, 1.2]')).toEqual([]);
    expect(found('[0.1, 1e400]', '[0.10000000000000000000000001, 1e401]')).toEqual(['value $[]', 'value $[]']);
    expect(found('{"a":1}', '{"a":"1"}')).toEqual(['type $.a']);
    expect(found('{"a":null}', '{}')).toEqual(['missing $.a']);
  });

  it('names what differs by kind and path', () => {
    const primary = '{"items":[{"id":1,"price":5},{"id":2,"price":6}],"by":{"4711":{"n":1}},"a.b":true}';
    const region = '{"items":[{"id":1,"price":5},{"id":2,"price":7}],"by":{"4711":{"n":2}},"a.b":null,"new":1}';
    expect(found(primary, region)).toEqual(['value $.items[].price', 'value $.by.{id}.n', 'type $["a.b"]', 'extra $.new']);
    expect(differences(primary, region)[0]!.place).toBe('$.items[1].price');
    expect(found('[1,2,3]', '[3,1,2]')).toEqual(['order $']);
    expect(found('[1,2,3]', '[1,2]')).toEqual(['missing $[]']);
    expect(found('{"__proto__":1}', '{"__proto__":2}')).toEqual(['value $.__proto__']);
  });

  it('compares status, chosen headers, text and bytes by what the answer says it is', () => {
    const plain = new Map([['content-type', 'text/plain; charset=utf-8']]);
    const same = new Map([['content-type', 'Text/Plain;charset=UTF-8']]);
    expect(found(answer('a\nb', { headers: plain }), answer('a\nc', { headers: same, status: 500 }))).toEqual([
      'status status',
      'text body',
    ]);
    expect(differences(answer('a\nb', { headers: plain }), answer('a\nc', { headers: same }))[0]!.place).toBe('body line 2, column 1');
    expect(found(answer('{}'), answer('{}', { headers: plain }))).toEqual(['header header.content-type']);
    expect(found(answer(Buffer.from([255, 1])), answer(Buffer.from([255, 2])))).toEqual(['bytes body']);
    expect(found('{"a":1', '{"a":2')).toEqual(['text body']);
    expect(found('{"a":1}', '<html>')).toEqual(['type $']);
    expect(found('{"a":1,"a":2}', '{"a":2,"a":1}')).toEqual(['text body']);
  });

  it('ignores and normalises by rule', () => {
    expect(found('{"a":1,"b":{"at":1}}', '{"a":1,"b":{"at":2}}', [rule('**.at', { ignore: true })])).toEqual([]);
    expect(found('{"p":[{"x":0.125}]}', '{"p":[{"x":0.129}]}', [rule('p[].x', { round: 1 })])).toEqual([]);
    expect(found('{"p":[{"x":0.14}]}', '{"p":[{"x":0.15}]}', [rule('p[].x', { round: 1 })])).toEqual(['value $.p[].x']);
    const near = [rule('at', { withinMs: 2_000 })];
    expect(found('{"at":"2026-01-01T00:00:00Z"}', '{"at":"2026-01-01T01:00:01.5+01:00"}', near)).toEqual([]);
    expect(found('{"at":"2026-01-01T00:00:00Z"}', '{"at":"2026-01-01T00:00:03Z"}', near)).toEqual(['value $.at']);
    const events = [rule('$', { unordered: true }), rule('[].at', { withinMs: 2_000 })];
    expect(found('[{"at":1000,"n":1},{"at":2000,"n":1}]', '[{"at":2001,"n":1},{"at":1001,"n":1}]', events)).toEqual([]);
    expect(found('[{"at":1000,"n":1},{"at":2000,"n":1}]', '[{"at":2009,"n":1},{"at":1001,"n":1}]', events)).toEqual(['value $[].at']);
    expect(found('{"at":"soon"}', '{"at":"later"}', near)).toEqual(['value $.at']);
    expect(found('{"n":"ABC"}', '{"n":"abc"}', [rule('*', { lowerCase: true })])).toEqual([]);
    expect(
      found('{"u":"https://a.eu/x"}', '{"u":"https://a.us/x"}', [rule('u', { replace: { pattern: 'a\\.(?:eu|us)', with: 'a' } })]),
    ).toEqual([]);
    expect(found('[{"a":1},{"a":2}]', '[{"a":2},{"a":1}]', [rule('$', { unordered: true })])).toEqual([]);
    const byId = [rule('$', { unorderedBy: 'id' })];
    expect(found('[{"id":1,"p":1},{"id":2,"p":2}]', '[{"id":2,"p":2},{"id":1,"p":9}]', byId)).toEqual(['value $[].p']);
    expect(found('[{"id":1},{"id":2}]', '[{"id":2},{"id":3}]', byId)).toEqual(['missing $[]', 'extra $[]']);
    expect(found('[{"id":1,"p":1},{"id":1,"p":2}]', '[{"id":1,"p":2},{"id":1,"p":1}]', byId)).toEqual([]);
    // The later rule says more.
    expect(found('[1,2]', '[2,1]', [rule('$', { unorderedBy: 'id' }), rule('$', { unordered: true })])).toEqual([]);
  });

  it('says of what it cannot compare why, and never calls it equal', () => {
    const reason = (left: string, right: string, limits = compareLimits) => {
      const outcome = compareAnswers(answer(left), answer(right), { ...settings([rule('$', { unordered: true })]), limits });
      return outcome.kind === 'compared' ? outcome.differences.length : outcome.reason;
    };
    const cut = { truncated: true };
    expect(compareAnswers(answer('{}', cut), answer('{}', cut), settings())).toEqual({ kind: 'not_compared', reason: 'truncated' });
    // What is different for sure is told all the same.
    expect(found(answer('{}', cut), answer('{}', { ...cut, status: 500 }))).toEqual(['status status']);
    expect(differences(answer('{}', cut), answer('[]'))).toMatchObject([
      { path: 'body', kind: 'bytes', primary: 'more than 2 bytes', region: '2 bytes' },
    ]);
    expect(reason('[1]', `[${'1,'.repeat(100)}1]`, { ...compareLimits, bytes: 50 })).toBe('too_large');
    expect(reason('['.repeat(100_000), '[]')).toBe('too_deep');
    expect(reason('[[[[1]]]]', '[[[[2]]]]', { ...compareLimits, depth: 3 })).toBe('too_deep');
    const many = (from: number): string => JSON.stringify(Array.from({ length: 5_000 }, (_, at) => [at + from]));
    expect(reason(many(0), many(1), { ...compareLimits, steps: 50_000 })).toBe('too_costly');
    expect(reason(many(0), many(1))).toBe(1);
    let nowMs = 0;
    const slow = { ...settings([rule('**', { replace: { pattern: 'a', with: 'b' } })]), nowMs: () => (nowMs += 30) };
    expect(compareAnswers(answer('["a","b","c","d","e"]'), answer('["b","a","d","c","f"]'), slow)).toEqual({
      kind: 'not_compared',
      reason: 'too_slow',
    });
  });

  it('costs no more than its limit allows when nothing pairs up', () => {
    const many = (from: number): string => JSON.stringify(Array.from({ length: 50_000 }, (_, at) => at + from));
    const outcome = compareAnswers(answer(many(0)), answer(many(1_000_000)), settings([rule('$', { unordered: true })]));
    expect(outcome.kind === 'compared' ? [outcome.differences.length, outcome.more] : outcome.reason).toBe('too_costly');
  });

  it('reads what JSON.parse reads, and nothing else', () => {
    const limits = { depth: 64, values: 10_000 };
    const plain = (value: unknown): unknown =>
      value instanceof Map
        ? Object.fromEntries([...value].map(([key, inner]) => [key, plain(inner)]))
        : Array.isArray(value)
          ? value.map(plain)
          : typeof value === 'object' && value !== null
            ? Number((value as { text: string }).text)
            : value;
    const texts = fc.oneof(
      fc.json().filter((text) => !text.includes('__proto__')),
      fc.string({ unit: fc.constantFrom(...'{}[]":,.-+0123e \\untrfals'), maxLength: 12 }),
    );
    fc.assert(
      fc.property(texts, (text) => {
        let expected: unknown;
        try {
          expected = { value: JSON.parse(text) as unknown };
        } catch {
          expected = undefined;
        }
        const outcome = parseJson(text, limits);
        if (outcome.kind === 'duplicate_key') return;
        expect(outcome.kind === 'json' ? { value: plain(outcome.value) } : undefined).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** The outermost array above a place: what is in it may be paired with another element than the one that was changed. */
const commonArray = (path: string): string => (path.includes('[]') ? path.slice(0, path.indexOf('[]')) : path);
