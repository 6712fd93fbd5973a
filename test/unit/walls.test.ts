import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../rig/paths.ts';

/** What the linter, under the project's own rules, says of one import in a file of a room. */
function verdict(room: string, imported: string): 'allowed' | 'refused' {
  const folder = mkdtempSync(join(tmpdir(), 'farshore-walls-'));
  try {
    const rules = JSON.parse(readFileSync(join(repositoryRoot, 'biome.json'), 'utf8')) as object;
    writeFileSync(join(folder, 'biome.json'), JSON.stringify({ ...rules, $schema: undefined, vcs: { enabled: false } }));
    mkdirSync(join(folder, 'src', room), { recursive: true });
    writeFileSync(join(folder, 'src', room, 'wall.ts'), `import { x } from '${imported}';\nx();\n`);
    const { stdout, status } = spawnSync(
      process.execPath,
      [join(repositoryRoot, 'node_modules/@biomejs/biome/bin/biome'), 'lint', '--only=style/noRestrictedImports', '--reporter=json', 'src'],
      { cwd: folder, encoding: 'utf8' },
    );
    const refused = stdout.includes('"category":"lint/style/noRestrictedImports"');
    // A linter that did not run must not look like one that allows.
    if (refused !== (status !== 0) || !stdout.includes('"unchanged":1')) throw new Error(`the linter ended with ${status}: ${stdout}`);
    return refused ? 'refused' : 'allowed';
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const stages = ['mirror', 'apply', 'rejected', 'lag', 'audit', 'backfill', 'shadow', 'cutover', 'outbox'] as const;

describe('the walls between rooms', () => {
  it.each(stages)('%s imports model and itself, and no other room', (stage) => {
    const others = stages.filter((other) => other !== stage).map((other) => `../${other}/contracts.ts`);
    for (const imported of [...others, '../kafka/cluster.ts', '../postgres/database.ts', '../avro/decoders.ts', '../daemon/run.ts']) {
      expect([imported, verdict(stage, imported)]).toEqual([imported, 'refused']);
    }
    for (const imported of ['../model/errors.ts', './contracts.ts', 'node:crypto']) {
      expect([imported, verdict(stage, imported)]).toEqual([imported, 'allowed']);
    }
  });

  it.each([
    ['@platformatic/kafka', 'kafka'],
    ['@node-rs/crc32', 'kafka'],
    ['avsc', 'avro'],
    ['pg', 'postgres'],
    ['opossum', 'http'],
    ['node-cron', 'schedule'],
    ['fastify', 'admin'],
    ['commander', 'cli'],
    ['zod', 'config'],
    ['@prometheus-io/client', 'metrics'],
    ['pino', 'daemon'],
  ])('%s stays in its room, %s', (library, home) => {
    expect(verdict(home, library)).toBe('allowed');
    for (const other of ['model', 'mirror', home === 'daemon' ? 'admin' : 'daemon'])
      expect([other, verdict(other, library)]).toEqual([other, 'refused']);
  });

  it('kafkajs is the outside world, in no room', () => {
    for (const room of ['kafka', 'mirror', 'daemon']) expect(verdict(room, 'kafkajs')).toBe('refused');
  });

  it('model imports nothing but model', () => {
    expect([verdict('model', '../mirror/contracts.ts'), verdict('model', '../config/config.ts'), verdict('model', './errors.ts')]).toEqual([
      'refused',
      'refused',
      'allowed',
    ]);
  });

  it('every room is known to these rules', () => {
    const rooms = readdirSync(join(repositoryRoot, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(rooms.map(({ name }) => name).toSorted()).toEqual(
      [
        'admin',
        'apply',
        'audit',
        'avro',
        'backfill',
        'cli',
        'config',
        'cutover',
        'daemon',
        'http',
        'kafka',
        'lag',
        'metrics',
        'mirror',
        'model',
        'outbox',
        'postgres',
        'rejected',
        'schedule',
        'shadow',
      ].toSorted(),
    );
  });
}, 60_000);
