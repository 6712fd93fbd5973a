import type { FarshoreConfig } from '../config/config.ts';
import { systemClock } from '../model/clock.ts';
import type { Finding } from '../model/finding.ts';
import { primaryAdminDatabase } from './database.ts';
import { problemFinding } from './finding.ts';

const area = 'primary database';
const place = 'cutover.primaryDatabase';

/** The primary's database as a cutover meets it: the login of the role that freezes. Nothing is changed there. */
export async function checkCutoverDatabase({ cutover }: Pick<FarshoreConfig, 'cutover'>, signal: AbortSignal): Promise<readonly Finding[]> {
  const { primaryDatabase } = cutover;
  if (primaryDatabase === undefined) return [];
  const database = primaryAdminDatabase(() => primaryDatabase, systemClock);
  try {
    await database.checkServer(signal);
    return [{ area, level: 'ok', what: 'The database answers the role that freezes it', place }];
  } catch (error) {
    signal.throwIfAborted();
    return [{ place, ...problemFinding(area, error) }];
  } finally {
    await database.close();
  }
}
