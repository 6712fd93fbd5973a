import { describe, expect, it } from 'vitest';
import { shownTarget } from '../../../src/shadow/redact.ts';

describe('what is shown of a request’s query', () => {
  it.each([
    ['page=2&token=eyJhbGciOi', '/orders?page=…&token=…'],
    ['token=a=b', '/orders?token=…'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0', '/orders?…'],
    ['page=2&eyJhbGciOiJIUzI1NiJ9', '/orders?page=…&…'],
    ['', '/orders'],
  ])('is the names alone of %s: a value without a name was shown whole', (query, shown) => {
    expect(shownTarget('/orders', query)).toBe(shown);
  });
});
