import { z } from 'zod';

export const backfillSchema = z
  .strictObject({
    chunkRows: z
      .int()
      .min(1)
      .max(20_000)
      .default(5_000)
      .describe('Most rows that are read at the primary and written in the region at once.'),
    maxRowsPerSecond: z
      .int()
      .min(1)
      .optional()
      .describe('Of one table; several at once are read at so many times the rate. Left out: as fast as both databases answer.'),
    pauseAboveLagSeconds: z
      .number()
      .min(0)
      .default(60)
      .describe('A backfill waits while the region is further behind, or its lag is unknown.'),
    pauseAboveLoad: z
      .number()
      .min(0.1)
      .max(1)
      .default(0.8)
      .describe('A backfill waits while the daemon’s thread is busy for a larger part of its time.'),
    directory: z
      .string()
      .min(1)
      .optional()
      .describe('Folder of the files that `farshore backfill start --from-file` may name; left out: none is read.'),
  })
  .meta({ description: 'Tables that are filled beside the stream: `farshore backfill`.' });
