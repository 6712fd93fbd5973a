import type { FarshoreConfig } from '../config/config.ts';
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
  /^regional\.database\.(url|tls\.(ca|cert|key|serverName))$/,
];
const others = [
  /^(admin\.token|log\.level|mirror\.(topics|exclude)|primary\.registry\.password)$/,
  /^shadow\.targets\.(primary|region)\.(authorization|cookie)$/,
];

/** What a new configuration changes of the running one. Keys are named as the file writes them; values are never in it. */
export function planReload(running: FarshoreConfig, next: FarshoreConfig): ReloadPlan {
  const [before, after] = [leaves(running), leaves(next)];
  const changed: string[] = [];
  const restart: string[] = [];
  let reconnects = false;
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    if (before.get(key)?.text === after.get(key)?.text) continue;
    const name = `${key.replace(/\.$/, '')}${(after.get(key) ?? before.get(key))?.fromFile === true ? 'File' : ''}`;
    const isCredential = credentials.some((pattern) => pattern.test(key));
    // Another server is another ledger, whose lease and positions this daemon does not hold.
    const movesServer = key === 'regional.database.url' && serverOf(running) !== serverOf(next);
    if (movesServer || (!isCredential && !others.some((pattern) => pattern.test(key)))) restart.push(name);
    else {
      changed.push(name);
      reconnects ||= isCredential;
    }
  }
  return { changed: changed.sort(), restart: restart.sort(), reconnects };
}

function serverOf(config: FarshoreConfig): string {
  const { host, port, database, tls } = parseDatabaseUrl(config.regional.database.url.reveal());
  return JSON.stringify([host, port, database, tls]);
}

interface Leaf {
  readonly text: string;
  readonly fromFile: boolean;
}

/** Values by key; a list counts as one value, and a map also says that it is there: `tls: {}` is not the same as no TLS. */
function leaves(config: FarshoreConfig): Map<string, Leaf> {
  const found = new Map<string, Leaf>();
  const visit = (value: unknown, key: string): void => {
    if (value === undefined) return;
    if (value instanceof Secret) found.set(key, { text: value.reveal(), fromFile: value.file !== undefined });
    else if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      found.set(key, { text: JSON.stringify(value), fromFile: false });
    } else {
      if (key !== '') found.set(`${key}.`, { text: '', fromFile: false });
      for (const [name, child] of Object.entries(value)) visit(child, key === '' ? name : `${key}.${name}`);
    }
  };
  visit(config, '');
  return found;
}
