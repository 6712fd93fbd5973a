import { audit } from './audit.ts';
import { cutover } from './cutover.ts';
import { fold } from './fold.ts';
import { groups } from './groups.ts';
import { lag } from './lag.ts';
import { parked } from './parked.ts';
import { positions } from './positions/positions.ts';
import { schedules } from './schedules.ts';
import type { Simulation } from './simulation.ts';

export const simulations: readonly Simulation[] = [positions, fold, groups, parked, audit, cutover, lag, schedules];
