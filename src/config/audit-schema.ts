import { z } from 'zod';
import { cronProblem } from '../schedule/cron.ts';

const schedule = z
  .string()
  .min(1)
  .superRefine((value, context) => {
    const message = cronProblem(value);
    if (message !== undefined)
      context.addIssue({ code: 'custom', message, params: { suggestion: 'minute hour day month weekday, such as 23 1 * * *' } });
  });

export const auditSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Off: nothing is compared. Without `primary.database` nothing can be.'),
    schedule: schedule.default('23 1 * * *').describe('When all tables are compared: a cron expression of five fields, in UTC.'),
    rowsPerRange: z.int().min(10).max(1_000_000).default(20_000).describe('Rows of which one digest is compared first.'),
    maxSeconds: z.int().min(1).max(604_800).default(14_400).describe('A run stands still after this, and goes on at its next time.'),
    maxRows: z.int().min(1).default(1_000_000_000).describe('Most rows of a table that one run compares.'),
    maxBytes: z
      .int()
      .min(1)
      .default(1_000_000_000)
      .describe('Most bytes of digests and keys that one run over a table takes from both databases together.'),
    maxRowsPerSecond: z.int().min(1).optional().describe('Left out: as fast as both databases answer.'),
    pauseAboveLagSeconds: z.number().min(0).default(60).describe('A pass waits while the region is further behind, or its lag is unknown.'),
    pauseAboveLoad: z
      .number()
      .min(0.1)
      .max(1)
      .default(0.9)
      .describe('A pass waits while the daemon’s thread is busy for a larger part of its time.'),
    publishAllowanceSeconds: z
      .number()
      .min(0)
      .max(3_600)
      .default(30)
      .describe('Longest time from a commit at the primary until its record is in Kafka: a difference is believed only after it.'),
    tries: z
      .int()
      .min(1)
      .max(20)
      .default(4)
      .describe('How often a row that is being written is asked again before it counts as unsettled.'),
    againSeconds: z
      .number()
      .min(0)
      .max(600)
      .default(5)
      .describe('Wait before it is asked again; each further one is twice as long, up to a minute.'),
    policy: z
      .enum(['report', 'repair'])
      .default('report')
      .describe('`repair`: what a pass confirms is repaired after it, and recorded as done by `audit.policy`.'),
    policyRepairs: z.int().min(1).default(100).describe('Most rows of a table that the policy repairs after one pass.'),
    retentionDays: z
      .int()
      .min(1)
      .max(36_500)
      .default(90)
      .describe('How long healed, repaired and resolved findings, and old passes, are kept.'),
  })
  .meta({ description: 'Rows of primary and region, compared by digests while both are written.' });
