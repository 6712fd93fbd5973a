/** Counts of one check or test run. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** Full titles; a skipped test's title says why it cannot run. */
  readonly skipped: readonly string[];
}

/** The part of vitest's JSON report that is read here. */
export interface VitestReport {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/**
 * Counts a vitest run. A file that fails outside its tests (it does not load, a hook throws) counts as one failure; so does a run that
 * left no report, ran no test, or exited badly with every test green (an unhandled error, a failed teardown).
 */
export function countTests(report: VitestReport | undefined, exitStatus: number): Tally {
  const results = report?.testResults ?? [];
  const tests = results.flatMap((file) => file.assertionResults);
  const passed = tests.filter((test) => test.status === 'passed').length;
  const failedTests = tests.filter((test) => test.status === 'failed').length;
  const failedFiles = results.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const counted = failedTests + failedFiles;
  const ranNothing = passed + counted === 0;
  const failed = counted === 0 && (ranNothing || exitStatus !== 0) ? 1 : counted;
  const skipped = tests.filter((test) => test.status !== 'passed' && test.status !== 'failed').map((test) => test.fullName);
  return { passed, failed, skipped };
}

/**
 * Counts the JSON lines of the fault trials: one test each. A run that ended badly without a failed line counts as one failure. What could
 * not run here is named by a line `skipped: …` of `progress`.
 */
export function countTrials(lines: string, exitStatus: number, progress = ''): Tally {
  const verdicts = lines.split('\n').flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { readonly verdict: string }).verdict]));
  const passed = verdicts.filter((verdict) => verdict === 'pass').length;
  const failed = verdicts.length - passed;
  const skipped = [...progress.matchAll(/^skipped: (.*)$/gm)].map(([, title = '']) => title);
  return { passed, failed: failed === 0 && (exitStatus !== 0 || passed === 0) ? 1 : failed, skipped };
}

export function closingLine(tallies: readonly Tally[]): string {
  const sum = (count: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + count(tally), 0);
  const skipped = sum((tally) => tally.skipped.length);
  const line = `${sum((tally) => tally.passed)} passed, ${sum((tally) => tally.failed)} failed`;
  return skipped === 0 ? line : `${line}, ${skipped} skipped`;
}
