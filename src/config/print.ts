import { stringify } from 'yaml';
import type { FarshoreConfig } from './config.ts';
import { Secret } from './secret.ts';

/** The effective configuration as plain values: secrets by the file they came from, or hidden. */
export const plainConfig = (config: FarshoreConfig): unknown => plain(withShownHooks(config));

/** The effective configuration as YAML, defaults filled in, without a secret. */
export const printConfig = (config: FarshoreConfig): string => stringify(plainConfig(config), { lineWidth: 0 });

/** Services that hooks tell take their secrets in the address or as arguments: of an address its origin is shown, of a command its program. */
const withShownHooks = (config: FarshoreConfig): FarshoreConfig => ({
  ...config,
  cutover: {
    ...config.cutover,
    hooks: config.cutover.hooks.map(({ command, url, ...hook }) => ({
      ...hook,
      ...(command === undefined ? {} : { command: command.map((word, index) => (index === 0 ? word : '[hidden]')) }),
      ...(url === undefined ? {} : { url: new URL(url).origin }),
    })),
  },
});

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
