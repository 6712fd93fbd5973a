import { f1 } from './f1-kill.ts';
import { f2 } from './f2-zombie.ts';
import { f3 } from './f3-terminate.ts';
import { f4 } from './f4-servers.ts';
import { f5 } from './f5-links.ts';
import { f6 } from './f6-rewound.ts';
import { f7 } from './f7-lost-logs.ts';
import { f8 } from './f8-growth.ts';
import { f9 } from './f9-histories.ts';
import { f10 } from './f10-order.ts';
import { f11 } from './f11-poison.ts';
import { f12 } from './f12-systemic.ts';
import { f13 } from './f13-bombs.ts';
import { f14 } from './f14-audit.ts';
import { f15 } from './f15-cutover.ts';
import { f16 } from './f16-admin.ts';
import { f17 } from './f17-shadow.ts';
import { sharedKills, sharedZombies } from './shared-region.ts';
import type { Trial } from './trial.ts';

/** Every trial by its name, in the order of their verdicts. */
export const trials: Readonly<Record<string, Trial>> = {
  ...{ F1: f1, F2: f2, F3: f3, F4: f4, F5: f5, F6: f6, F7: f7, F8: f8, F9: f9 },
  // F1 and F2 over three daemons that share a region.
  ...{ F1x3: sharedKills, F2x3: sharedZombies },
  ...{ F10: f10, F11: f11, F12: f12, F13: f13, F14: f14, F15: f15, F16: f16, F17: f17 },
};
/**
 * The short forms in two lists of about ten minutes each, which run side by side: most of a trial is waiting for what it broke to come back.
 * The full forms measure rates and latencies, and run one after the other.
 */
export const lanes: readonly (readonly string[])[] = [
  ['F1', 'F3', 'F5', 'F7', 'F9', 'F2x3', 'F11'],
  ['F2', 'F4', 'F6', 'F8', 'F1x3', 'F10', 'F12', 'F13', 'F14', 'F15', 'F16', 'F17'],
];
