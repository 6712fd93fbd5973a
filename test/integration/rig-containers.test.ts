import { describe, expect, it } from 'vitest';
import { containersUsable, startKafkaContainer, startPostgresContainer } from '../rig/containers.ts';

const usable = await containersUsable();

describe.skipIf(!usable)(
  'the rig in containers (needs a running Docker daemon with the images farshore-kafka-test and postgres:18)',
  () => {
    it('starts and restarts a Kafka', async () => {
      await using kafka = await startKafkaContainer({ name: 'container' });
      await kafka.restart();
      expect(kafka.bootstrap).toBe(`127.0.0.1:${kafka.port}`);
    });

    it('starts a PostgreSQL and creates databases', async () => {
      await using database = await startPostgresContainer({ name: 'container' });
      expect(await database.createDatabase('made')).toMatch(/\/made$/);
    });
  },
);
