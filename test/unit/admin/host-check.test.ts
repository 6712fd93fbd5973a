import { expect, it } from 'vitest';
import { allowedHosts, isAllowedHost } from '../../../src/admin/host-check.ts';

it('a request may name the address it came in on, as a probe of a pod does', () => {
  const allowed = allowedHosts('0.0.0.0', []);
  expect(isAllowedHost('10.1.2.3:8320', allowed, '10.1.2.3')).toBe(true);
  expect(isAllowedHost('10.1.2.3:8320', allowed, '::ffff:10.1.2.3')).toBe(true);
  expect(isAllowedHost('[fd00::7]:8320', allowed, 'fd00::7')).toBe(true);
  expect(isAllowedHost('10.1.2.4:8320', allowed, '10.1.2.3')).toBe(false);
  expect(isAllowedHost('evil.example', allowed, '10.1.2.3')).toBe(false);
  expect(isAllowedHost(undefined, allowed, '10.1.2.3')).toBe(false);
});
