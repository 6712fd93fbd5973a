import { describe, expect, it } from 'vitest';
import { withResumeHint } from '../../../src/apply/start-check.ts';
import { FarshoreError } from '../../../src/model/errors.ts';

describe('the command that skips what stopped a partition', () => {
  it('goes on behind the record', () => {
    const { hint } = withResumeHint(new FarshoreError('row_refused', 'no'), 't:0', 7n);
    expect(hint).toContain('To skip this record: farshore partition resume t:0 --stage apply --from 8 --accept-loss');
  });

  it('goes on behind the whole batch when none of it can be read: the next offset would stop there again', () => {
    const error = new FarshoreError('memory_limit', 'too large', { hint: 'Raise it.', facts: { nextOffset: '500' } });
    const { hint } = withResumeHint(error, 't:0', 7n);
    expect(hint).toMatch(/^Raise it\. .*To skip this batch: farshore partition resume t:0 --stage apply --from 500 --accept-loss/);
  });
});
