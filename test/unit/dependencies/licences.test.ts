import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allowedInDevelopment, allowedShipped, dependencies, licencesPage, scriptsNotRun } from '../../../scripts/licences.ts';
import { repositoryRoot } from '../../rig/paths.ts';

const all = dependencies(readFileSync(join(repositoryRoot, 'package-lock.json'), 'utf8'));
const lock = (packages: object): string => JSON.stringify({ packages: { '': {}, ...packages } });

interface Manifest {
  readonly version: string;
  readonly license?: string;
  readonly licenses?: readonly { readonly type: string }[];
}

describe('dependencies', () => {
  it('have licences of the list, the shipped ones of the shorter one', () => {
    expect(all.length).toBeGreaterThan(100);
    const refused = all.filter(({ licence, shipped }) => !(shipped ? allowedShipped : allowedInDevelopment).has(licence ?? ''));
    expect(refused).toEqual([]);
  });

  it('say themselves what the lock says of them', () => {
    let asked = 0;
    for (const { name, version, licence } of all) {
      const file = join(repositoryRoot, 'node_modules', name, 'package.json');
      if (!existsSync(file)) continue;
      const manifest = JSON.parse(readFileSync(file, 'utf8')) as Manifest;
      // Another version of it lies deeper.
      if (manifest.version !== version) continue;
      expect(manifest.license ?? manifest.licenses?.map(({ type }) => type).join(' OR '), name).toBe(licence);
      asked++;
    }
    expect(asked).toBeGreaterThan(100);
  });

  it('need no install script: no shipped one has any, and why the others are not missed is written down', () => {
    const scripted = all.filter(({ hasInstallScript }) => hasInstallScript);
    expect(scripted.filter(({ shipped }) => shipped)).toEqual([]);
    const known = (name: string) => Object.keys(scriptsNotRun).some((one) => name === one || name.startsWith(`${one}/`));
    expect(scripted.filter(({ name }) => !known(name))).toEqual([]);
    expect(Object.keys(scriptsNotRun).filter((one) => !scripted.some(({ name }) => name === one || name.startsWith(`${one}/`)))).toEqual(
      [],
    );
  });

  it('are told by name where nothing states a licence', () => {
    const text = lock({
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b/node_modules/c': { version: '2.0.0', license: 'GPL-3.0', dev: true },
    });
    expect(dependencies(text)).toEqual([
      { name: 'a', version: '1.0.0', licence: undefined, shipped: true, hasInstallScript: false },
      { name: 'c', version: '2.0.0', licence: 'GPL-3.0', shipped: false, hasInstallScript: false },
    ]);
    expect(licencesPage(text)).toContain('| a | 1.0.0 | none stated |');
  });
});
