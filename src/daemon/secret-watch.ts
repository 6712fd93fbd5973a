import { stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { FarshoreConfig, TlsConfig } from '../config/config.ts';
import { withoutFinalLineBreak } from '../config/interpolate.ts';
import { Secret } from '../config/secret.ts';
import type { Clock } from '../model/clock.ts';
import { FarshoreError } from '../model/errors.ts';

export type ReadText = (path: string) => string;

/** The same configuration with every secret file read again. Throws `config_invalid` naming the file. */
export function rereadSecrets(config: FarshoreConfig, readText: ReadText): FarshoreConfig {
  const visit = (value: unknown): unknown => {
    if (value instanceof Secret) return value.file === undefined ? value : new Secret(readSecret(value.file, readText), value.file);
    if (Array.isArray(value)) return value;
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, visit(child)]));
  };
  return visit(config) as FarshoreConfig;
}

function readSecret(file: string, readText: ReadText): string {
  let text: string;
  try {
    text = withoutFinalLineBreak(readText(file));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    throw new FarshoreError('config_invalid', `The secret file ${file} cannot be read: ${code}`, { place: file });
  }
  if (text.trim() !== '') return text;
  throw new FarshoreError('config_invalid', `The secret file ${file} is empty`, { place: file });
}

/** Throws `config_invalid` when a certificate, its key or an authority cannot be used: files that are being replaced one by one. */
export function checkCertificates(config: FarshoreConfig): void {
  const all: readonly [string, TlsConfig | undefined][] = [
    ['primary.kafka.tls', config.primary.kafka.tls],
    ['regional.kafka.tls', config.regional.kafka.tls],
    ['regional.database.tls', config.regional.database.tls],
    ['primary.database.tls', config.primary.database?.tls],
    ['cutover.primaryDatabase.tls', config.cutover.primaryDatabase?.tls],
  ];
  for (const [place, tls] of all) {
    if (tls === undefined) continue;
    try {
      createSecureContext({ ca: tls.ca?.reveal(), cert: tls.cert?.reveal(), key: tls.key?.reveal() });
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable PEM';
      throw new FarshoreError('config_invalid', `The certificates of ${place} cannot be used together: ${code}`, {
        place,
        hint: 'certFile and keyFile must belong together, and caFile must hold PEM certificates.',
      });
    }
  }
}

export function secretFilesOf(config: FarshoreConfig): readonly string[] {
  const files = new Set<string>();
  const visit = (value: unknown): void => {
    if (value instanceof Secret) {
      if (value.file !== undefined) files.add(value.file);
    } else if (typeof value === 'object' && value !== null) for (const child of Object.values(value)) visit(child);
  };
  visit(config);
  return [...files].sort();
}

/**
 * Calls `onChange` when what the files are changed and then stood still for one look: a certificate and its key are replaced
 * one after the other. Looks at the file behind a link, which is what Kubernetes exchanges.
 */
export async function watchFiles(
  files: () => readonly string[],
  onChange: () => void,
  everyMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  let acted = await looksOf(files());
  let last = acted;
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal);
    const now = await looksOf(files());
    if (now !== acted && now === last) {
      acted = now;
      onChange();
    }
    last = now;
  }
}

async function looksOf(files: readonly string[]): Promise<string> {
  const looks = await Promise.all(
    files.map(async (file) => {
      try {
        const { dev, ino, size, mtimeNs } = await stat(file, { bigint: true });
        return `${file} ${dev} ${ino} ${size} ${mtimeNs}`;
      } catch {
        return `${file} gone`;
      }
    }),
  );
  return looks.join('\n');
}
