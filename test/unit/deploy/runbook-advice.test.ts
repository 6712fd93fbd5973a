import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/cutover/state.ts';
import { gateNames } from '../../../src/model/cutover.ts';
import { pendingMigrations } from '../../../src/postgres/migration-plan.ts';
import { repositoryRoot } from '../../rig/paths.ts';
import { at, cutover } from '../cutover/fixtures.ts';
import { filesBelow } from './documents.ts';

const page = (name: string): string => readFileSync(join(repositoryRoot, 'docs', name), 'utf8');
/** What stands under a heading, up to the next one. */
const under = (text: string, heading: string): string => text.split(/^#{1,3} /m).find((part) => part.startsWith(heading)) ?? '';

/** What a tired reader does by a page has to be what the code would let them do. */
describe('advice in the runbooks', () => {
  const pages = filesBelow('docs/runbooks', ['.md']).filter(({ path }) => !path.endsWith('README.md'));

  it('promises no way back over a migration: a binary refuses a database that was migrated further', () => {
    const upgrade = page('runbooks/upgrade-and-rollback.md');
    const applied = [{ number: 2, name: '0002-next', sha256: 'b' }];
    expect(() => pendingMigrations([{ number: 1, name: '0001-first', sql: '', sha256: 'a' }], applied)).toThrow(/knows up to 1/);
    expect(upgrade).not.toContain('left it readable');
    expect(upgrade).toContain('(`database_newer`)');
    // What `farshore check` says of one that is pending.
    expect(upgrade).toContain('Schema farshore lacks');
  });

  it.each(pages.map(({ path, text }) => [path, text] as const))('%s says when to stop', (_path, text) => {
    expect(text).toMatch(/\*\*Stop\b|^Stop |\bDo not /m);
  });

  it('promises no way back from a cutover that was completed: every verb is refused then', () => {
    const completed = cutover({ state: 'completed', home: 'region', open: 'region' });
    expect(decide(completed, { type: 'revert', by: 'ada', region: 'eu-west' }, at)).toMatchObject({ kind: 'refused', code: 'completed' });
    for (const text of [under(page('migration-guide.md'), '4. Remove'), under(page('runbooks/cutover.md'), 'Complete')]) {
      expect(text).toContain('`revert` is refused');
      expect(text).not.toMatch(/revert` stays possible only/);
    }
  });

  it('waits in the first step for every gate that can be open there', () => {
    const step = under(page('migration-guide.md'), '1. Monitor everything');
    const later = new Set(['shadow', 'reverse_path', 'hold']);
    expect(gateNames.filter((gate) => !later.has(gate) && !step.includes(`\`${gate}\``))).toEqual([]);
  });

  it('names the command that takes the mark from a table that may have missed deletes', () => {
    expect(under(page('runbooks/records-lost.md'), 'A table needs a full audit')).toContain('`farshore audit run --table TABLE`');
  });

  it('changes no row of the outbox by hand: what is done by a command is locked and recorded', () => {
    // Which of two schemas an id stands for is no command's: the statement says it, and every worker reads it at the next record.
    for (const { path, text } of pages)
      expect([path, /(?:update|delete from) farshore\.(?!schemas set )/.exec(text)]).toEqual([path, null]);
    expect(under(page('runbooks/cutover.md'), 'A row of the outbox')).toContain('`farshore outbox retry ID…`');
  });
});
