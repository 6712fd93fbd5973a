import { setTimeout as delay } from 'node:timers/promises';
import type { TrialRegion } from '../faults/region.ts';

export interface SoakFault {
  readonly name: string;
  /** Resolves when the fault is over. */
  readonly run: (random: () => number) => Promise<void>;
}

/** Faults that the daemon has to live through in one process: another process would begin with another memory. */
export function soakFaults(region: TrialRegion, topic: string): readonly SoakFault[] {
  const { primary, regional, database } = region.rig;
  const between = (random: () => number, leastMs: number, mostMs: number): number => Math.round(leastMs + random() * (mostMs - leastMs));
  return [
    ...[primary, regional].flatMap((broker): SoakFault[] => [
      {
        name: `${broker.name} broker killed`,
        run: async () => {
          await broker.kill('SIGKILL');
          await broker.restart();
        },
      },
      {
        name: `${broker.name} broker standing still`,
        run: async (random) => {
          await broker.kill('SIGSTOP');
          await delay(between(random, 500, 8_000));
          await broker.kill('SIGCONT');
        },
      },
    ]),
    {
      name: 'database stopped at once',
      run: async () => {
        await database.stop('immediate');
        await database.restart();
      },
    },
    {
      name: 'sessions ended',
      run: async () => {
        await region.client.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'farshore%'");
      },
    },
    {
      name: 'daemon standing still',
      run: async (random) => {
        region.daemon.signal('SIGSTOP');
        await delay(between(random, 200, 1_500));
        region.daemon.signal('SIGCONT');
      },
    },
    {
      name: 'configuration reloaded',
      run: async () => region.daemon.signal('SIGHUP'),
    },
    {
      name: 'partition paused and resumed',
      run: async (random) => {
        const partition = `${topic}:${between(random, 0, 3)}`;
        await region.daemon.cli(['partition', 'pause', partition]);
        await delay(between(random, 200, 2_000));
        await region.daemon.cli(['partition', 'resume', partition]);
      },
    },
    {
      name: 'admin server asked',
      run: async () => {
        const paths = ['/api/status', '/api/lag', '/api/partitions', '/metrics', '/livez', '/nothing'];
        for (let round = 0; round < 20; round++) {
          await Promise.all(paths.map(async (path) => await (await fetch(`${region.daemon.url}${path}`)).text().catch(() => '')));
        }
      },
    },
  ];
}
