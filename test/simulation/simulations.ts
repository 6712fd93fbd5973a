import { positions } from './positions/positions.ts';
import type { Simulation } from './simulation.ts';

export const simulations: readonly Simulation[] = [positions];
