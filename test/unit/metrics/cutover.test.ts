import { describe, expect, it } from 'vitest';
import { measureCutover } from '../../../src/metrics/cutover.ts';
import { Metrics } from '../../../src/metrics/metrics.ts';

describe('the cutover as samples', () => {
  it('shows each gate and the state, and nothing that is not known', async () => {
    const metrics = new Metrics({ region: undefined, runtime: false });
    measureCutover(metrics, {
      state: 'shadowing',
      gates: [
        { gate: 'lag', open: true },
        { gate: 'shadow', open: false },
      ],
    });
    const { body } = await metrics.render();
    expect(body).toContain('farshore_gate_open{gate="lag"} 1');
    expect(body).toContain('farshore_gate_open{gate="shadow"} 0');
    expect(body).toContain('farshore_cutover_state{state="shadowing"} 1');
    expect(body).toContain('farshore_cutover_state{state="ready"} 0');
    measureCutover(metrics, { state: undefined, gates: undefined });
    expect((await metrics.render()).body).not.toMatch(/^farshore_(gate_open|cutover_state)\{/m);
  });
});
