import { z } from 'zod';

export const outboxSchema = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe(
        'Publish rows of `farshore.outbox` to the regional Kafka while this region is the home of their topic: the way back of a cutover.',
      ),
    pollMs: z.int().min(50).max(60_000).default(500).describe('Between two looks at an outbox that had nothing to publish.'),
    batchRows: z.int().min(1).max(10_000).default(500).describe('Most rows of one Kafka transaction.'),
    maxBatchBytes: z
      .int()
      .min(1_024)
      .max(67_108_864)
      .default(4_194_304)
      .describe('Most bytes of keys and values in one Kafka transaction; a single larger row goes alone.'),
    keepHours: z.number().min(0).max(8_760).default(24).describe('Published rows are deleted after that.'),
  })
  .meta({ description: 'The outbox of the region’s own applications.' });
