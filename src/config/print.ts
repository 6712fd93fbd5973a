import { stringify } from 'yaml';
import type { FarshoreConfig } from './config.ts';
import { Secret } from './secret.ts';

/** The effective configuration as plain values: secrets by the file they came from, or hidden. */
export const plainConfig = (config: FarshoreConfig): unknown => plain(config);

/** The effective configuration as YAML, defaults filled in, without a secret. */
export const printConfig = (config: FarshoreConfig): string => stringify(plain(config), { lineWidth: 0 });

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Secret) return value.toJSON();
  if (typeof value !== 'object' || value === null) return value;
  const entries: [string, unknown][] = [];
  for (const [key, child] of Object.entries(value)) {
    if (child === undefined || (key === 'kind' && (child === 'http' || child === 'directory'))) continue;
    if (child instanceof Secret && child.file !== undefined) entries.push([`${key}File`, child.file]);
    else entries.push([key, plain(child)]);
  }
  return Object.fromEntries(entries);
}
