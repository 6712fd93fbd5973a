import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../rig/paths.ts';
import type { KeptSoak } from '../soak/results.ts';
import type { KeptVerdict } from './verdicts.ts';

/** What each trial does, and what it judges beside lost, duplicated and stale rows. */
export const trialTitles: Readonly<Record<string, string>> = {
  F1: 'the daemon is killed at random moments and around every step of a transaction; the mirrored topics are read by the Java consumer too',
  F2: 'the daemon is stopped past every timeout, another takes over, and it wakes: the zombie writes nothing',
  F1x3: 'F1 over three daemons that share the region by six shards: the others take the shards of the one that is killed',
  F2x3: 'F2 over three daemons that share the region, then a storm: daemons come, go and are killed every few seconds',
  F3: 'the daemon is told to end under load: exit code 0 within 10 s, nothing replayed',
  F4: 'broker killed, broker stopped, PostgreSQL stopped at once, sessions ended each second, no connection left: goes on within 30 s',
  F5: 'each link slow, narrow, sliced, black, reset at COMMIT and at EndTxn, down: no hang beyond twice its timeout',
  F6: 'the database fails over to a standby that lost the last commits, and is restored from a backup: rows and positions go back together',
  F7: 'retention overtakes the position, topics made anew, logs cut and filled again: told with the lost range',
  F8: 'partitions and topics are added under load: read from their start',
  F9: 'histories of aborted, overlapping and compacted transactions, against the Java consumer in read_committed',
  F10: 'versions out of order, duplicates, deletes, late updates: the highest version of each key stands, nothing is revived',
  F11: '1 % of records cannot be applied, in 20 ways: each is kept whole with its reason, all others are applied',
  F12: 'grants revoked, disk full, registry away, columns dropped: stops and says why, diverts nothing, goes on by itself',
  F13: 'bombs of arrays, nesting, size and compression: bounded memory, rejected with a reason',
  F14: 'the audit compares while rows are written and published late: no false finding; planted differences are found, named and repaired',
  F15: 'the home moves and comes back, killed around each step, two operators at once, clocks apart, the primary lost: one writer at most',
  F16: 'the admin server is abused, and secrets are looked for in every answer and log line',
  F17: 'shadow targets slow, failing, hanging and hostile: apply goes on, nothing unsafe is sent',
};

/** `docs/reliability.md` from the verdicts of full trials. A trial without one is shown as not run. */
export function reliabilityPage(verdicts: readonly KeptVerdict[], soak?: KeptSoak): string {
  const byTrial = new Map(verdicts.map((verdict) => [verdict.trial, verdict]));
  const rows = Object.entries(trialTitles).map(([trial, title]) => {
    const found = byTrial.get(trial);
    if (found === undefined) return `| ${trial} | ${title} | – | – | not run in full | – | – |`;
    const { cases, lost, duplicated, stale, verdict, seconds, seed, commit, changed, at } = found;
    const where = `${commit.slice(0, 7)}${changed ? ' and changes' : ''}, seed ${seed}, ${at.slice(0, 10)}`;
    return `| ${trial} | ${title} | ${cases} | ${lost} / ${duplicated} / ${stale} | ${verdict} | ${Math.round(seconds)} s | ${where} |`;
  });
  const versions = [
    ...new Set(verdicts.map(({ versions: v }) => `farshore ${v.farshore}, node ${v.node}, Kafka ${v.kafka}, PostgreSQL ${v.postgres}`)),
  ];
  return `# Reliability

Trials break real servers, links and daemons under load and judge what became of every row, by triggers in the database and by the Java consumer.
\`npm run test:faults -- --full\` runs them whole and writes \`docs/results\`, from which this page is made; the short form of each runs in every test run.
A trial that passes has lost, doubled and overwritten nothing, and holds what it says.

| trial | what happens, and what must hold | cases | lost / duplicated / stale | verdict | took | commit |
| --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

${soakText(soak)}
${versions.length === 0 ? '' : `Versions: ${versions.join('; ')}.\n`}`;
}

function soakText(soak: KeptSoak | undefined): string {
  const what = `## Soak

\`npm run soak\`: one daemon in one process, under load and random faults (brokers killed and standing still, the database stopped, sessions ended, the daemon stopped for a moment, partitions paused). After a warm-up nothing may grow beyond its noise: memory, heap after a collection,
file handles, connections at brokers and database, timers and handles. At the end every row is judged as in the trials.
`;
  if (soak === undefined) return `${what}\nNot run yet.\n`;
  const { minutes, records, faults, lost, duplicated, stale, verdict, memoryJudged, trends, commit, changed, seed, at } = soak;
  const count = Object.values(faults).reduce((sum, one) => sum + one, 0);
  const figures = Object.entries(trends).map(([name, trend]) =>
    trend === undefined ? `${name} not known` : `${name} ${trend.median} (${trend.growth >= 0 ? '+' : ''}${trend.growth})`,
  );
  return `${what}
${verdict}: ${minutes} minutes, ${records} records, ${count} faults, lost / duplicated / stale ${lost} / ${duplicated} / ${stale}. Median, and growth after the warm-up: ${figures.join(', ')}. ${memoryJudged ? '' : 'Too short to judge memory. '}Commit ${commit.slice(0, 7)}${changed ? ' and changes' : ''}, seed ${seed}, ${at.slice(0, 10)}.
`;
}

/** The page as it follows from \`docs/results\`. */
export function currentReliabilityPage(): string {
  const folder = join(repositoryRoot, 'docs/results');
  const results = readdirSync(folder)
    .filter((name) => /^F\d+(x3)?\.json$/.test(name))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as KeptVerdict);
  const soak = join(folder, 'soak.json');
  return reliabilityPage(results, existsSync(soak) ? (JSON.parse(readFileSync(soak, 'utf8')) as KeptSoak) : undefined);
}

export const writeReliabilityPage = (): void => writeFileSync(join(repositoryRoot, 'docs/reliability.md'), currentReliabilityPage());

if (import.meta.main) writeReliabilityPage();
