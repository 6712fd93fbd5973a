import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeReliabilityPage } from '../faults/reliability-page.ts';
import { type Circumstances, circumstances } from '../faults/verdicts.ts';
import { repositoryRoot } from '../rig/paths.ts';
import type { Series } from './samples.ts';
import type { Trend } from './trend.ts';

export interface SoakVerdict {
  readonly soak: true;
  readonly seed: number;
  readonly minutes: number;
  readonly warmUpSeconds: number;
  /** False where the run was too short for it. */
  readonly memoryJudged: boolean;
  readonly samples: number;
  readonly records: number;
  /** How often each came. */
  readonly faults: Readonly<Record<string, number>>;
  readonly lost: number;
  readonly duplicated: number;
  readonly stale: number;
  readonly settled: boolean;
  readonly mirroredAlike: boolean;
  /** The daemon was one process from the start to the end. */
  readonly aliveToTheEnd: boolean;
  readonly trends: Readonly<Record<Series, Trend | undefined>>;
  readonly verdict: 'pass' | 'fail';
  readonly seconds: number;
}

export type KeptSoak = SoakVerdict & Circumstances;

/** As docs/results/soak.json, and as a line of docs/reliability.md. */
export function keepSoak(verdict: SoakVerdict): void {
  const kept: KeptSoak = { ...verdict, ...circumstances() };
  const results = join(repositoryRoot, 'docs/results');
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, 'soak.json'), `${JSON.stringify(kept, undefined, 2)}\n`);
  writeReliabilityPage();
}
