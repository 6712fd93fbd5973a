import { createTask, validateDetailed } from 'node-cron';

/** Calls `tick` at each time the expression names, until it is stopped. */
export type Trigger = (expression: string, tick: () => void) => { readonly stop: () => void };

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };

/** Cron by this process's clock, in UTC: what runs at 03:17 runs once a day, also where the local clock is changed in that hour. */
export const cronTrigger: Trigger = (expression, tick) => {
  const task = createTask(expression, tick, { timezone: 'Etc/UTC', unref: true, logger: SILENT, suppressMissedWarning: true });
  // A loop that was busy at the time itself runs the job late, rather than a day later.
  task.on('execution:missed', tick);
  void task.start();
  return { stop: () => void task.destroy() };
};

/** Why this is no cron expression of five fields; undefined for one that is. */
export function cronProblem(expression: string): string | undefined {
  const fields = expression.trim().split(/\s+/);
  if (fields.length !== 5) return `a schedule has five fields, this one has ${fields.length}`;
  const { valid, errors } = validateDetailed(expression);
  return valid
    ? undefined
    : errors.map(({ field, value }) => `${value ?? 'this'} is no ${field}`).join('; ') || 'this is no cron expression';
}
