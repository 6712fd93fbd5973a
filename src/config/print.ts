import { stringify } from 'yaml';
import type { FarshoreConfig, KafkaConfig } from './config.ts';
import { Secret } from './secret.ts';

/** The effective configuration as plain values: secrets by the file they came from, or hidden. */
export const plainConfig = (config: FarshoreConfig): unknown => plain(withShownCommands(config));

/** The effective configuration as YAML, defaults filled in, without a secret. */
export const printConfig = (config: FarshoreConfig): string => stringify(plainConfig(config), { lineWidth: 0 });

/** Services take their secrets in the address or as arguments: of an address its origin is shown, of a command its program. */
const withShownCommands = (config: FarshoreConfig): FarshoreConfig => ({
  ...config,
  primary: { ...config.primary, kafka: withShownToken(config.primary.kafka) },
  regional: { ...config.regional, kafka: withShownToken(config.regional.kafka) },
  cutover: {
    ...config.cutover,
    hooks: config.cutover.hooks.map(({ command, url, ...hook }) => ({
      ...hook,
      ...(command === undefined ? {} : { command: programOf(command) }),
      ...(url === undefined ? {} : { url: new URL(url).origin }),
    })),
  },
});

const withShownToken = (kafka: KafkaConfig): KafkaConfig =>
  kafka.sasl?.tokenCommand === undefined ? kafka : { ...kafka, sasl: { ...kafka.sasl, tokenCommand: programOf(kafka.sasl.tokenCommand) } };

const programOf = (command: readonly string[]): readonly string[] => command.map((word, index) => (index === 0 ? word : '[hidden]'));

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
