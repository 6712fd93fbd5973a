import type { Alert } from './alert.ts';
import { attentionAlerts } from './alerts-attention.ts';
import { auditAlerts } from './alerts-audit.ts';
import { availabilityAlerts } from './alerts-availability.ts';
import { backfillAlerts } from './alerts-backfill.ts';
import { cutoverAlerts } from './alerts-cutover.ts';
import { lagAlerts } from './alerts-lag.ts';
import { recordAlerts } from './alerts-records.ts';
import { shadowStarvationAlerts } from './alerts-shadow-starvation.ts';

/** Every alert, in groups from availability over slowness to information. An alert is added here and nowhere else. */
export const alertGroups: Readonly<Record<string, readonly Alert[]>> = {
  'farshore-availability': availabilityAlerts,
  'farshore-lag': lagAlerts,
  'farshore-records': recordAlerts,
  'farshore-audit': auditAlerts,
  'farshore-backfill': backfillAlerts,
  'farshore-cutover': cutoverAlerts,
  'farshore-shadow-starvation': shadowStarvationAlerts,
  'farshore-attention': attentionAlerts,
};
