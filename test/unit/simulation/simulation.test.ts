import { describe, expect, it } from 'vitest';
import { simulate } from '../../simulation/simulation.ts';
import { simulations } from '../../simulation/simulations.ts';

describe('simulations in their short form', () => {
  it.each(simulations.map((simulation) => [simulation.name, simulation] as const))('%s', { timeout: 60_000 }, async (_name, simulation) => {
    const { failure } = await simulate(simulation, { seed: 1, runs: simulation.shortRuns });
    expect(failure).toBeUndefined();
  });
});
