/**
 * Shows that each simulation can fail: faults that somebody could make, one at a time, in a copy of the sources, each of which a simulation
 * must catch. `./scripts/node24 test/simulation/mutations.ts [NAME…]`: one line a fault; exits 0 where all were caught.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot, stateDirectory } from '../rig/paths.ts';

interface Mutation {
  readonly by: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Default 5,000: one that takes several rare things at once needs more. */
  readonly histories?: number;
}

const mutations: readonly Mutation[] = [
  // positions
  { by: 'positions', file: 'mirror/cycle.ts', from: '!answer.empty || !(position', to: '!(position' },
  { by: 'positions', file: 'mirror/answers.ts', from: 'answers.length === 1 ? answer : undefined', to: 'answer' },
  { by: 'positions', file: 'mirror/cycle.ts', from: "if (batch.baseOffset < from) return 'below_position';", to: '' },
  { by: 'positions', file: 'mirror/cycle.ts', from: 'if (batches.length > 0) writes.push', to: 'if (batches.length > 1) writes.push' },
  {
    by: 'positions',
    file: 'mirror/start-check.ts',
    from: 'if (truncated !== undefined) return truncated;\n  if (next > view.home.end)',
    to: 'if (next > view.home.end)',
  },
  {
    by: 'positions',
    file: 'mirror/start-check.ts',
    from: 'if (batchBefore.baseOffset < next && batchBefore.lastOffset >= next)',
    to: 'if (batchBefore.baseOffset > next)',
  },
  {
    by: 'positions',
    file: 'mirror/start-check.ts',
    from: 'view.regional.end < mirroredTo ||',
    to: 'view.regional.end < 0n ||',
  },
  {
    by: 'positions',
    file: 'mirror/start-check.ts',
    from: 'if (position === undefined && view.regional.end > view.mirroredFrom) return missing(view);',
    to: '',
  },
  { by: 'positions', file: 'mirror/partition.ts', from: 'lastFetchedEpoch: proof.leaderEpoch', to: 'lastFetchedEpoch: -1' },
  { by: 'positions', file: 'mirror/old-position.ts', from: 'if (position === undefined) return', to: 'if (false) return' },
  { by: 'positions', file: 'mirror/old-position.ts', from: 'position !== undefined && mirroredBehind !== undefined', to: 'false' },
  { by: 'positions', file: 'mirror/answered-positions.ts', from: "if (after?.kind === 'nothing') own", to: 'if (after !== undefined) own' },
  {
    by: 'positions',
    file: 'mirror/partition-start.ts',
    from: 'if (decision.isOld !== true) [partition',
    to: '[partition',
    histories: 20_000,
  },
  {
    by: 'positions',
    file: 'mirror/mirror-stage.ts',
    from: "if (code === 'source_diverged')",
    to: "if (code === 'internal')",
    histories: 100_000,
  },
  {
    by: 'positions',
    file: 'mirror/mirror-stage.ts',
    from: 'await this.#deps.regional.open(signal);',
    to: 'if (!this.#inDoubt) await this.#deps.regional.open(signal);',
  },
  {
    by: 'positions',
    file: 'mirror/topic-generations.ts',
    from: 'if (record.homeTopicId !== home.topicId || record.regionalTopicId !== regional.topicId) {',
    to: 'if (record.topic === home.topicId) {',
  },
  { by: 'positions', file: 'mirror/topic-plan.ts', from: 'if (acceptRecreated || restartRecreated)', to: 'if (true)' },
  { by: 'positions', file: 'mirror/settle.ts', from: 'if (truncated !== undefined)\n', to: 'if (truncated === undefined)\n' },
  {
    by: 'positions',
    file: 'mirror/mirror-stage.ts',
    from: 'partition.read = position;',
    to: 'partition.read = { ...position, next: (position.next + 1n) as never };',
  },
  { by: 'positions', file: 'mirror/table.ts', from: 'if (paused !== undefined) partition.setMode(paused);', to: '' },
  {
    by: 'positions',
    file: 'mirror/commands.ts',
    from: "if (command.kind === 'pause') await pause(",
    to: "if (command.kind === 'pause') await Promise.resolve(",
  },
  { by: 'positions', file: 'mirror/settle.ts', from: 'forgetEpoch: again', to: 'forgetEpoch: true', histories: 100_000 },
  {
    by: 'positions',
    file: 'mirror/start-check.ts',
    from: '(view.settled && view.regional.end === mirroredTo)',
    to: 'false',
    histories: 100_000,
  },
  {
    by: 'positions',
    file: 'mirror/topic-refresh.ts',
    from: "records.get(route.regional)?.homeTopicId ?? home?.topicId ?? ''",
    to: "home?.topicId ?? ''",
  },
  // fold
  { by: 'fold', file: 'apply/fold.ts', from: 'if (order < 0) {', to: 'if (order > 0) {' },
  { by: 'fold', file: 'apply/fold.ts', from: 'this.#latest.delete(text);\n    if (known', to: 'if (known' },
  {
    by: 'fold',
    file: 'apply/fold.ts',
    from: 'if (gone !== undefined && this.#deleteSources[gone]! > this.#standingSource(row)) {',
    to: 'if (gone !== undefined && this.#deleteSources[gone]! < this.#standingSource(row)) {',
  },
  { by: 'fold', file: 'apply/fold.ts', from: 'this.#deleteOffsets[known] = offset;\n    this.#deleteMoments', to: 'this.#deleteMoments' },
  {
    by: 'fold',
    file: 'apply/fold.ts',
    from: 'this.#gone.has(text) || (known !== undefined && this.#deleteSources[known] !== LOWEST_SOURCE)',
    to: 'this.#gone.has(text)',
  },
  {
    by: 'fold',
    file: 'apply/fold.ts',
    from: 'this.#gone.has(text) || (earlier !== undefined && this.#deleteSources[earlier] === LOWEST_SOURCE)',
    to: 'this.#gone.has(text)',
  },
  { by: 'fold', file: 'apply/fold.ts', from: 'if (this.#gone.size > 0 && this.#gone.has(key)) {', to: 'if (false) {' },
  { by: 'fold', file: 'apply/unit-fold.ts', from: 'this.#gone.has(text) || earlier?.sourced === true', to: 'this.#gone.has(text)' },
  { by: 'fold', file: 'apply/unit-fold.ts', from: 'this.#gone.has(text) || earlier?.sourced === false', to: 'this.#gone.has(text)' },
  { by: 'fold', file: 'apply/unit-fold.ts', from: 'if (this.#gone.has(text)) return false;', to: '' },
  {
    by: 'fold',
    file: 'apply/unit-row.ts',
    from: 'if (version === undefined || (before !== undefined && before >= version)) continue;',
    to: 'if (version === undefined) continue;',
  },
  { by: 'fold', file: 'apply/order-at.ts', from: 'if (waits.length > 0) {', to: 'if (waits.length > 9) {' },
  { by: 'fold', file: 'apply/order-at.ts', from: "if (home.home === region) return { kind: 'pass', end };", to: '' },
  {
    by: 'fold',
    file: 'apply/order-at.ts',
    from: 'const end = earlier(home.end, found.end === undefined ? undefined : offsetValue(found.end));',
    to: 'const end = home.end;',
  },
  { by: 'fold', file: 'model/generation.ts', from: 'if (start <= offset) {', to: 'if (start < offset) {' },
  // groups
  { by: 'groups', file: 'apply/unit-row.ts', from: 'if (hasSource && wins !== next.setBy[u]! > standing.setBy[u]!) return false;', to: '' },
  { by: 'groups', file: 'apply/unit-row.ts', from: 'return !wins || columns.every(', to: 'return true || columns.every(' },
  { by: 'groups', file: 'apply/unit-row.ts', from: 'if (setBy[u] !== highest) older.push', to: 'if (false) older.push' },
  { by: 'groups', file: 'apply/unit-row.ts', from: 'if (next.version > standing.version) standing.version = next.version;', to: '' },
  {
    by: 'groups',
    file: 'apply/unit-row.ts',
    from: 'for (const c of columns) standing.values[c] = next.values[c];',
    to: 'for (const c of columns) if (next.values[c] !== undefined) standing.values[c] = next.values[c];',
  },
  { by: 'groups', file: 'apply/unit-fold.ts', from: 'next.version < gone.version', to: 'next.version > gone.version' },
  { by: 'groups', file: 'apply/unit-fold.ts', from: 'isBelow || next.versions.every((version) => version === undefined)', to: 'isBelow' },
  { by: 'groups', file: 'apply/unit-fold.ts', from: '|| setsGroup(row, this.#units);', to: ';' },
  {
    by: 'groups',
    file: 'apply/unit-fold.ts',
    from: 'if (before !== undefined && earlier !== undefined) return this.#giveUp(text);',
    to: '',
  },
  {
    by: 'groups',
    file: 'apply/unit-fold.ts',
    from: 'if (standing !== undefined && standing.version >= version) return this.#giveUp(text);',
    to: '',
  },
  // parked
  { by: 'parked', file: 'apply/parked-records.ts', from: 'if (record.ageSeconds <= this.#limits.maxAgeSeconds) continue;', to: '' },
  {
    by: 'parked',
    file: 'apply/parked-records.ts',
    from: 'if (due) allAtMs = clock.monotonicMs() + ALL_MS;',
    to: 'if (due) allAtMs = Number.POSITIVE_INFINITY;',
  },
  { by: 'parked', file: 'apply/flood.ts', from: 'rejects <= share * records', to: 'rejects < share * records' },
  { by: 'parked', file: 'apply/flood.ts', from: '- SLOTS + 1', to: '- SLOTS' },
  // audit
  { by: 'audit', file: 'audit/settle.ts', from: 'await clock.sleep(publishAllowanceMs, signal);', to: '' },
  { by: 'audit', file: 'audit/settle.ts', from: "if ((await passed(signal)) === 'not_yet') {", to: 'if (Number(passed.length) > 9) {' },
  { by: 'audit', file: 'audit/settle.ts', from: "else if (waiting[index] === true) settled.push({ key, state: 'parked' });", to: '' },
  { by: 'audit', file: 'audit/judge.ts', from: "if (moved) return { kind: 'moving' };", to: '' },
  {
    by: 'audit',
    file: 'audit/judge.ts',
    from: 'if (region.present === after.present && region.digest === after.digest)',
    to: 'if (region.present === after.present)',
  },
  { by: 'audit', file: 'audit/judge.ts', from: 'return isSame ?', to: 'return extraBefore === undefined || isSame ?', histories: 100_000 },
  {
    by: 'audit',
    file: 'audit/bisect.ts',
    from: 'for (const { key } of here.values())',
    to: 'for (const { key } of [...here.values()].slice(1))',
  },
  {
    by: 'audit',
    file: 'audit/bisect.ts',
    from: 'primary.rows === region.rows && primary.digest === region.digest',
    to: 'primary.rows === region.rows',
  },
  { by: 'audit', file: 'audit/pass.ts', from: 'after = range.upTo;', to: 'after = ranges.at(-1)!.upTo;' },
  {
    by: 'audit',
    file: 'audit/pass-cursor.ts',
    from: "return isKey ? { kind: 'after', key: after }",
    to: "return isKey ? { kind: 'after', key: [String(Number(after[0]) + 2)] }",
  },
  // cutover
  {
    by: 'cutover',
    file: 'model/cutover.ts',
    from: "'drain_region', 'raise_epoch', 'publish_home', 'open'] as const",
    to: "'raise_epoch', 'publish_home', 'open'] as const",
  },
  { by: 'cutover', file: 'cutover/state.ts', from: "if (!readiness.allHeld) return refused('gates_shut', readiness.missing);", to: '' },
  { by: 'cutover', file: 'cutover/state.ts', from: 'if (event.region !== region) return', to: "if (event.region === '') return" },
  { by: 'cutover', file: 'cutover/stepping.ts', from: "return { state, open: 'nobody' };", to: 'return { state, open };' },
  { by: 'cutover', file: 'cutover/stepping.ts', from: 'epoch: raise ? cutover.epoch + 1n : cutover.epoch,', to: 'epoch: cutover.epoch,' },
  { by: 'cutover', file: 'cutover/window.ts', from: 'gap >= 0 && gap <= settings.maxGapMs', to: 'gap >= 0' },
  {
    by: 'cutover',
    file: 'cutover/publication.ts',
    from: "if (direction === 'back' && from === 'region') return ['region'];",
    to: '',
  },
  { by: 'cutover', file: 'cutover/stepping.ts', from: 'untold === undefined ? kept : {', to: 'true ? kept : {' },
  {
    by: 'cutover',
    file: 'cutover/state.ts',
    from: 'if (event.lost !== undefined) return takeOver(cutover, move, event, event.lost, at);',
    to: '',
  },
  {
    by: 'cutover',
    file: 'cutover/take-over.ts',
    from: "direction === 'back' ? from === 'primary' : to === 'primary' && open === 'primary'",
    to: "direction === 'back' && from === 'primary' && open === 'nobody'",
  },
  {
    by: 'cutover',
    file: 'cutover/take-over.ts',
    from: "cutover.home === 'region' ? { ...cutover, home: 'primary', epoch: cutover.epoch + 1n } : cutover",
    to: 'cutover',
    histories: 100_000,
  },
  {
    by: 'cutover',
    file: 'cutover/take-over.ts',
    from: "raise_epoch_back: raised ? { home: 'primary' } : move.results.raise_epoch_back,",
    to: '',
    histories: 100_000,
  },
  // lag
  {
    by: 'lag',
    file: 'lag/passed.ts',
    from: "passing.step === 'mirrored' ? { step: 'applying'",
    to: "passing.step !== 'passed' ? { step: 'applying'",
  },
  { by: 'lag', file: 'lag/passed.ts', from: 'committed >= passing.until', to: 'committed <= passing.until' },
  { by: 'lag', file: 'lag/hop.ts', from: 'end > position)', to: 'end > position && false)' },
  { by: 'lag', file: 'lag/tracker.ts', from: 'this.#missedHome++;', to: '' },
  // schedules
  { by: 'schedules', file: 'apply/back-off.ts', from: 'Math.min(MOST_MS, FIRST_MS', to: 'Math.max(MOST_MS, FIRST_MS' },
  {
    by: 'schedules',
    file: 'apply/back-off.ts',
    from: "known.action !== 'retry') throw error;",
    to: "known.action === 'halt') throw error;",
  },
  {
    by: 'schedules',
    file: 'rejected/late-schemas.ts',
    from: 'nowMs - before.atMs >= askAgainMs(before.times)',
    to: 'nowMs - before.atMs >= 1_000',
  },
  { by: 'schedules', file: 'shadow/token-bucket.ts', from: 'Math.max(0, nowMs - this.#atMs)', to: 'Math.abs(nowMs - this.#atMs)' },
  { by: 'schedules', file: 'backfill/pace.ts', from: 'Math.max(dueMs, nowMs - 1_000)', to: 'Math.min(dueMs, nowMs - 1_000)' },
  {
    by: 'schedules',
    file: 'postgres/lease-decision.ts',
    from: 'lockedSinceMs >= times.graceMs',
    to: 'lockedSinceMs > times.graceMs + 5_000',
  },
  {
    by: 'schedules',
    file: 'postgres/lease-decision.ts',
    from: 'if (row !== undefined && row.expiresInMs > 0) return',
    to: 'if (row !== undefined && row.expiresInMs > 9_000_000) return',
  },
];

const chosen = process.argv.slice(2);
const copy = mkdtempSync(join(stateDirectory, 'mutant.'));
let missed = 0;
try {
  for (const part of ['src', 'test', 'package.json']) cpSync(join(repositoryRoot, part), join(copy, part), { recursive: true });
  symlinkSync(join(repositoryRoot, 'node_modules'), join(copy, 'node_modules'));
  for (const { by, file, from, to, histories = 5_000 } of mutations) {
    if (chosen.length > 0 && !chosen.includes(by)) continue;
    const path = join(copy, 'src', file);
    const source = readFileSync(path, 'utf8');
    if (!source.includes(from)) throw new Error(`${file} does not hold ${from}: the list is older than the code`);
    writeFileSync(
      path,
      source.replace(from, () => to),
    );
    const { stderr, status } = spawnSync(
      process.execPath,
      [join(copy, 'test/simulation/main.ts'), '--only', by, '--histories', String(histories)],
      {
        encoding: 'utf8',
        timeout: 400_000,
      },
    );
    writeFileSync(path, source);
    // A loop that does not end any more is noticed by whoever waits for it.
    const caught = status === null || (status === 1 && stderr.includes('again: npm run test:simulation'));
    if (!caught) missed++;
    const why = status === null ? 'it does not end' : (stderr.split('\n')[0] ?? '');
    process.stdout.write(
      `${caught ? 'caught' : 'MISSED'}  ${by}  ${file}: ${from.slice(0, 60).replaceAll('\n', ' ')} → ${to.slice(0, 40) || 'nothing'}  (${why.slice(0, 100)})\n`,
    );
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
process.exitCode = missed === 0 ? 0 : 1;
