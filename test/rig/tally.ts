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

export function closingLine(tallies: readonly Tally[]): string {
  const sum = (count: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + count(tally), 0);
  const skipped = sum((tally) => tally.skipped.length);
  const line = `${sum((tally) => tally.passed)} passed, ${sum((tally) => tally.failed)} failed`;
  return skipped === 0 ? line : `${line}, ${skipped} skipped`;
}
