import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RetryCounts } from '../../src/model/rejected.ts';
import { produce, until } from './check.ts';
import { differences, digest, misdeeds } from './compare.ts';
import { farshore } from './farshore.ts';
import type { Demo } from './main.ts';
import { LATE_SCHEMA_ID, mendDdl, poisonKinds } from './poison.ts';
import { readProgress } from './progress.ts';

const SHOWN = 10;
const LEAST_KINDS = 10;
const LEAST_INJECTED = 100;

/** What the story of poison needs beside the traffic. */
export interface Poisoned {
  readonly tokenFile: string;
  /** The registry: a folder. */
  readonly schemas: string;
}

export interface PoisonResult {
  readonly broken: 'poison';
  readonly kinds: number;
  readonly injected: number;
  /** Kept by the daemon, before anything was tried again. */
  readonly rejected: number;
  /** Applied as they came. */
  readonly applied: number;
  /** Applied by `farshore rejected retry`. */
  readonly retried: number;
  readonly digestEqual: boolean;
}

const injectedOf = ({ generator }: Demo): number => [...generator.injected.values()].reduce((sum, n) => sum + n, 0);

/** Each kind at least twice. */
export const enoughPoison = (demo: Demo): boolean => injectedOf(demo) >= 2 * poisonKinds.length;

/** Runs `records` through, one in a hundred poison; then lists, mends, tries again, and compares both databases. */
export async function poisonRun(
  demo: Demo,
  records: number,
  signal: AbortSignal,
): Promise<{ readonly passed: boolean; readonly result: PoisonResult }> {
  demo.generator.poison = true;
  demo.say('One record in a hundred cannot be applied, each under a key of its own.');
  await produce(demo, records, signal);
  demo.generator.poison = false;
  const { rejected, retried, rejectedAgain, superseded, left } = await tellOfPoison(demo, signal);
  const { injected: byKind } = demo.generator;
  const injected = injectedOf(demo);
  const mended = [...byKind].filter(([{ cause }]) => cause !== 'record').reduce((sum, [, n]) => sum + n, 0);
  const { applied: covered } = await readProgress(demo);
  const [here, there] = [await digest(demo.primary), await digest(demo.region)];
  const { lost, extra } = await differences(demo.primary, demo.region);
  const { duplicated, stale } = await misdeeds(demo.region);
  const digestEqual = here.digest === there.digest;
  const applied = covered - rejected;
  const holds = {
    'enough poison of enough kinds': byKind.size >= LEAST_KINDS && injected >= LEAST_INJECTED,
    'all poison is kept, and nothing else': rejected === injected,
    'every good record is applied': applied === demo.publisher.published - injected,
    'what was mended goes in': retried === mended && retried > 0,
    'what is broken in itself does not': rejectedAgain === injected - mended && superseded === 0,
    'the ledger is empty in the end': left === 0,
    'both sides hold the same rows': digestEqual && lost === 0 && extra === 0,
    'nothing was applied twice or overwritten by older': duplicated === 0 && stale === 0,
  };
  for (const [what, true_] of Object.entries(holds)) if (!true_) demo.say(`does not hold: ${what}`);
  return {
    passed: Object.values(holds).every(Boolean),
    result: { broken: 'poison', kinds: byKind.size, injected, rejected, applied, retried, digestEqual },
  };
}

/** What an operator does: look, mend the cause, try again, have the rest sent again, and give up what is broken. */
export async function tellOfPoison(demo: Demo, signal: AbortSignal) {
  const { say, generator, publisher, region } = demo;
  while ((await publisher.publish(1_000)) > 0) signal.throwIfAborted();
  await until(demo, signal, ({ applied }) => applied >= publisher.published);
  const rejected = await keptCount(demo);
  say(`\n${injectedOf(demo)} records of ${generator.injected.size} kinds could not be applied. They are kept, whole; all others went on:`);
  await farshore(demo, ['rejected', 'list', '--limit', String(SHOWN)]);
  if (rejected > SHOWN) say(`… ${rejected} in all\n`);

  say('Some are right, and the region was not ready for them: columns too narrow, a forgotten check, a schema not registered. Mended:');
  for (const statement of mendDdl) {
    say(`region_app=# ${statement};`);
    await region.query(statement);
  }
  const late = join(demo.schemas, `${LATE_SCHEMA_ID}.avsc`);
  say(`$ cp billing.accounts-value/1.avsc ${late}`);
  await copyFile(join(demo.schemas, 'billing.accounts-value/1.avsc'), late);
  const counts = await farshore(demo, ['rejected', 'retry', '--all']);

  say('The rest is broken in itself. The application sends those rows again, and what was broken is given up:');
  const again = await generator.sendAgain();
  while ((await publisher.publish(1_000)) > 0) signal.throwIfAborted();
  await until(demo, signal, ({ applied }) => applied >= publisher.published);
  say(`${again} rows were sent again.`);
  await farshore(demo, ['rejected', 'discard', '--all']);
  const { applied: retried, superseded, rejected: rejectedAgain } = countsOf(counts);
  return { rejected, retried, superseded, rejectedAgain, left: await keptCount(demo) };
}

async function keptCount({ region }: Demo): Promise<number> {
  const { rows } = await region.query<{ n: string }>('select count(*) n from farshore.rejected_records');
  return Number(rows[0]?.n);
}

/** Of `34 applied, 0 superseded, 80 rejected again`. */
function countsOf(text: string): RetryCounts {
  const [applied, superseded, rejected] = [...text.matchAll(/\d+/g)].map(([digits]) => Number(digits));
  if (applied === undefined || superseded === undefined || rejected === undefined) throw new Error(`no counts in: ${text}`);
  return { applied, superseded, rejected };
}
