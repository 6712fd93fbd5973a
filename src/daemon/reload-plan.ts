import type { DatabaseConfig, FarshoreConfig } from '../config/config.ts';
import { Secret } from '../config/secret.ts';
import { parseDatabaseUrl } from '../postgres/options.ts';

export interface ReloadPlan {
  /** Keys that differ and may change while the daemon runs. */
  readonly changed: readonly string[];
  /** Keys that differ and need a restart. */
  readonly restart: readonly string[];
  /** Whether connections must be made anew for it. */
  readonly reconnects: boolean;
}

const credentials = [
  /^(primary|regional)\.kafka\.(sasl\.(mechanism|username|password|token|tokenCommand)|tls\.(ca|cert|key|serverName))$/,
  /^(regional\.database|primary\.database|cutover\.primaryDatabase)\.(url|tls\.(ca|cert|key|serverName))$/,
];
const databases: readonly { readonly key: string; readonly of: (config: FarshoreConfig) => DatabaseConfig | undefined }[] = [
  { key: 'regional.database', of: ({ regional }) => regional.database },
  { key: 'primary.database', of: ({ primary }) => primary.database },
  { key: 'cutover.primaryDatabase', of: ({ cutover }) => cutover.primaryDatabase },
];
const others = [
  /^(admin\.token|log\.level|mirror\.(topics|exclude)|primary\.registry\.password)$/,
  /^shadow\.targets\.(primary|region)\.(authorization|cookie)$/,
];

/** What a new configuration changes of the running one. Keys are named as the file writes them; values are never in it. */
export function planReload(running: FarshoreConfig, next: FarshoreConfig): ReloadPlan {
  const found = differences(running, next);
  const named = (needs: (need: Need) => boolean) => found.filter(({ need }) => needs(need)).map(({ name }) => name);
  return {
    changed: named((need) => need !== 'restart').sort(),
    restart: named((need) => need === 'restart').sort(),
    reconnects: found.some(({ need }) => need === 'new_connections'),
  };
}

/**
 * What of a new configuration may be taken now. Where only what stands in secret files changed, all of them that need no restart: a login that
 * waited for a restart of something else would run out. A configuration file that was edited is taken whole or not at all (undefined): its
 * keys may belong together.
 */
export function partToTake(running: FarshoreConfig, next: FarshoreConfig): FarshoreConfig | undefined {
  const found = differences(running, next);
  const waiting = new Set(found.filter(({ need }) => need === 'restart').map(({ key }) => key));
  if (waiting.size === 0) return next;
  return found.every(({ ofSecretFile }) => ofSecretFile) ? keeping(running, next, waiting) : undefined;
}

type Need = 'nothing' | 'new_connections' | 'restart';

interface KeyDifference {
  readonly key: string;
  /** As the file writes it. */
  readonly name: string;
  readonly need: Need;
  /** The same file is named, and holds something else. */
  readonly ofSecretFile: boolean;
}

function differences(running: FarshoreConfig, next: FarshoreConfig): readonly KeyDifference[] {
  const [before, after] = [leaves(running), leaves(next)];
  const moved = databases.filter(({ of }) => serverOf(of(running)) !== serverOf(of(next))).map(({ key }) => key);
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((key): readonly KeyDifference[] => {
    const [was, is] = [before.get(key), after.get(key)];
    if (was?.text === is?.text) return [];
    const name = `${key.replace(/\.$/, '')}${(is ?? was)?.file === undefined ? '' : 'File'}`;
    return [{ key, name, need: needOf(key, moved), ofSecretFile: was?.file !== undefined && was.file === is?.file }];
  });
}

function needOf(key: string, moved: readonly string[]): Need {
  // Another server is another ledger, whose lease and positions this daemon does not hold, or other rows than those that a pass, a backfill or a
  // frozen primary is of; its certificates are not those of this one.
  if (moved.some((database) => key.startsWith(`${database}.`))) return 'restart';
  if (credentials.some((pattern) => pattern.test(key))) return 'new_connections';
  return others.some((pattern) => pattern.test(key)) ? 'nothing' : 'restart';
}

/** `next` with the secrets of `running` at these keys. Both have the same shape. */
function keeping(running: FarshoreConfig, next: FarshoreConfig, keys: ReadonlySet<string>): FarshoreConfig {
  const visit = (was: unknown, is: unknown, key: string): unknown => {
    if (is instanceof Secret) return keys.has(key) ? was : is;
    if (typeof is !== 'object' || is === null || Array.isArray(is)) return is;
    const child = (name: string, value: unknown) => visit(Reflect.get(Object(was), name), value, key === '' ? name : `${key}.${name}`);
    return Object.fromEntries(Object.entries(is).map(([name, value]) => [name, child(name, value)]));
  };
  return visit(running, next, '') as FarshoreConfig;
}

/** Undefined where there is none. */
function serverOf(config: DatabaseConfig | undefined): string | undefined {
  if (config === undefined) return undefined;
  const { host, port, database, tls } = parseDatabaseUrl(config.url.reveal());
  return JSON.stringify([host, port, database, tls]);
}

interface Leaf {
  readonly text: string;
  /** Of a secret that was read from one. */
  readonly file: string | undefined;
}

/** Values by key; a list counts as one value, and a map also says that it is there: `tls: {}` is not the same as no TLS. */
function leaves(config: FarshoreConfig): Map<string, Leaf> {
  const found = new Map<string, Leaf>();
  const visit = (value: unknown, key: string): void => {
    if (value === undefined) return;
    if (value instanceof Secret) found.set(key, { text: value.reveal(), file: value.file });
    else if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      found.set(key, { text: JSON.stringify(value), file: undefined });
    } else {
      if (key !== '') found.set(`${key}.`, { text: '', file: undefined });
      for (const [name, child] of Object.entries(value)) visit(child, key === '' ? name : `${key}.${name}`);
    }
  };
  visit(config, '');
  return found;
}
