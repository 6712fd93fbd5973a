import { describe, expect, it } from 'vitest';
import { findFarshoreError } from '../../../src/model/errors.ts';
import { type DatabaseOptions, databaseTimeouts, parseDatabaseUrl, tlsSettings } from '../../../src/postgres/options.ts';

const problem = (url: string) => {
  try {
    parseDatabaseUrl(url);
    return undefined;
  } catch (error) {
    return findFarshoreError(error);
  }
};

const options = (url: string, tls?: DatabaseOptions['tls']): DatabaseOptions => ({
  address: parseDatabaseUrl(url),
  tls,
  applicationName: 'farshore',
  connections: 1,
  ...databaseTimeouts,
});

describe('parseDatabaseUrl', () => {
  it('reads every part, percent-decoded', () => {
    expect(parseDatabaseUrl('postgres://far%40shore:p%3Aw@db.example:6432/my%20app?sslmode=verify-full')).toEqual({
      host: 'db.example',
      port: 6432,
      user: 'far@shore',
      database: 'my app',
      password: 'p:w',
      tls: 'verify-full',
    });
  });

  it('knows IPv6 addresses and socket folders', () => {
    expect(parseDatabaseUrl('postgres://u@[::1]/d').host).toBe('::1');
    expect(parseDatabaseUrl('postgresql://u@localhost/d?host=/run/postgresql')).toMatchObject({ host: '/run/postgresql', port: 5432 });
  });

  it.each([
    'nonsense',
    'mysql://u@h/d',
    'postgres://h/d',
    'postgres://u@h',
    'postgres://u%zz@h/d',
    'postgres://u@h/d?sslmode=require',
    'postgres://u@h/d?fallback=1',
  ])('refuses %s with a next step', (url) => {
    expect(problem(url)).toMatchObject({ code: 'config_invalid', hint: expect.stringMatching(/./) });
  });

  it('never repeats the address, which may carry a password', () => {
    expect(problem('mysql://u:canary@h/d')?.message).not.toContain('canary');
    expect(problem('postgres://u:canary@h')?.message).not.toContain('canary');
  });
});

describe('tlsSettings', () => {
  it('is off unless the address or certificates ask for it', () => {
    expect(tlsSettings(options('postgres://u@h/d'))).toBe(false);
    expect(tlsSettings(options('postgres://u@h/d?sslmode=disable'))).toBe(false);
  });

  it('always verifies the server', () => {
    expect(tlsSettings(options('postgres://u@h/d?sslmode=verify-full'))).toMatchObject({ rejectUnauthorized: true });
    expect(tlsSettings(options('postgres://u@h/d', { ca: 'PEM' }))).toMatchObject({ rejectUnauthorized: true, ca: 'PEM' });
  });

  it('refuses certificates beside sslmode=disable', () => {
    expect(() => tlsSettings(options('postgres://u@h/d?sslmode=disable', { ca: 'PEM' }))).toThrow(/sslmode=disable/);
  });
});
