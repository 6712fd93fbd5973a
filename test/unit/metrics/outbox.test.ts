import { describe, expect, it } from 'vitest';
import { Metrics } from '../../../src/metrics/metrics.ts';
import { measureOutbox } from '../../../src/metrics/outbox.ts';

describe('the outbox as samples', () => {
  it('says that it is relayed also while its rows are not counted, and nothing where it is not', async () => {
    const metrics = new Metrics({ region: undefined, runtime: false });
    const samples = async () =>
      (await metrics.render()).body.split('\n').filter((line) => /^farshore_outbox_(relayed|unpublished|held|oldest)/.test(line));
    measureOutbox(metrics, true, undefined);
    expect(await samples()).toEqual(['farshore_outbox_relayed 1']);
    measureOutbox(metrics, true, { unpublished: 0, held: 0, oldestSeconds: undefined });
    expect(await samples()).toHaveLength(4);
    measureOutbox(metrics, false, undefined);
    expect(await samples()).toEqual([]);
  });
});
