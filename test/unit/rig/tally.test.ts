import { describe, expect, it } from 'vitest';
import { closingLine, countTests, countTrials, type VitestReport } from '../../rig/tally.ts';

const file = (status: string, ...tests: string[]): VitestReport['testResults'][number] => ({
  name: 'a.test.ts',
  status,
  assertionResults: tests.map((test, index) => ({ fullName: `test ${index}`, status: test })),
});
const report = (...testResults: VitestReport['testResults'][number][]): VitestReport => ({ success: true, testResults });

describe('counting a test run', () => {
  it('counts tests as they ended', () => {
    const tally = countTests(report(file('failed', 'passed', 'failed', 'skipped'), file('passed', 'passed')), 1);
    expect(tally).toEqual({ passed: 2, failed: 1, skipped: ['test 2'] });
  });

  it('counts a file that failed outside its tests', () => {
    expect(countTests(report(file('passed', 'passed'), file('failed')), 1)).toMatchObject({ passed: 1, failed: 1 });
  });

  it('counts a failure when no report was left', () => {
    expect(countTests(undefined, 0)).toEqual({ passed: 0, failed: 1, skipped: [] });
  });

  it('counts a failure when no test ran', () => {
    expect(countTests(report(), 0).failed).toBe(1);
    expect(countTests(report(file('skipped', 'skipped')), 0).failed).toBe(1);
  });

  it('counts a failure when all tests passed and vitest exited badly', () => {
    expect(countTests(report(file('passed', 'passed')), 1)).toMatchObject({ passed: 1, failed: 1 });
  });

  it('counts no failure when all passed', () => {
    expect(countTests(report(file('passed', 'passed', 'skipped')), 0)).toEqual({ passed: 1, failed: 0, skipped: ['test 1'] });
  });
});

describe('the closing line', () => {
  const one = { passed: 1, failed: 0, skipped: [] };

  it('adds up, and names skipped tests only when there are any', () => {
    expect(closingLine([one, { passed: 3, failed: 2, skipped: [] }])).toBe('4 passed, 2 failed');
    expect(closingLine([one, { passed: 0, failed: 0, skipped: ['x'] }])).toBe('1 passed, 0 failed, 1 skipped');
  });
});

describe('counting trials', () => {
  const lines = (...verdicts: readonly string[]) => verdicts.map((verdict) => `${JSON.stringify({ trial: 'F1', verdict })}\n`).join('');

  it('counts one test a line', () => {
    expect(countTrials(lines('pass', 'fail', 'pass'), 1)).toEqual({ passed: 2, failed: 1, skipped: [] });
  });

  it('names the trials that could not run', () => {
    const progress = 'F1: kill 1/18\nskipped: F5 (needs Go: it is not installed)\nF3: stop 1/4\n';
    expect(countTrials(lines('pass'), 0, progress)).toEqual({ passed: 1, failed: 0, skipped: ['F5 (needs Go: it is not installed)'] });
  });

  it('takes a run that broke off, or ran nothing, for a failure', () => {
    expect(countTrials(lines('pass'), 2)).toEqual({ passed: 1, failed: 1, skipped: [] });
    expect(countTrials('', 0)).toEqual({ passed: 0, failed: 1, skipped: [] });
  });
});
