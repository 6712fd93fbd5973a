import { defineConfig } from 'vitest/config';

/** One file at a time: each drives real brokers, and two cores carry brokers, database and daemon. */
const withServers = {
  globalSetup: ['test/rig/global-setup.ts'],
  fileParallelism: false,
  testTimeout: 120_000,
  hookTimeout: 120_000,
};

export default defineConfig({
  test: {
    projects: [
      // Five seconds are too few for a property beside brokers that start.
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 30_000 } },
      // What is shipped: rules, units, charts, the npm package. After the others: two cores are busy enough with servers that have deadlines.
      {
        test: {
          name: 'packages',
          include: ['test/packages/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      // The dashboard in a real browser, against a real admin server; with a daemon behind it: test/scenario/dashboard.test.ts.
      {
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      { test: { name: 'integration', include: ['test/integration/**/*.test.ts'], ...withServers } },
      // Whole daemons. The complete run has it beside the others, with servers of its own: half of its time is waiting.
      { test: { name: 'scenario', include: ['test/scenario/**/*.test.ts'], ...withServers } },
    ],
  },
});
