import { parseArgs } from 'node:util';
import { compareWithJavaAvro } from './avro.ts';

const usage = 'usage: npm run test:differential -- [--full] [--seed N] [--schemas N]';
const VALUES_EACH = 20;
const SHOWN = 5;

/** One JSON line; exits 0 where nothing differs, 1 where something does, 2 for what it does not know. */
async function main(): Promise<number> {
  const { values } = parseArgs({ options: { full: { type: 'boolean' }, seed: { type: 'string' }, schemas: { type: 'string' } } });
  const [seed, schemas] = [Number(values.seed ?? 1), Number(values.schemas ?? (values.full ? 20_000 : 500))];
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(schemas) || schemas < 1) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  const startedMs = performance.now();
  const { differences, ...counts } = await compareWithJavaAvro(seed, schemas, VALUES_EACH);
  const seconds = Number(((performance.now() - startedMs) / 1_000).toFixed(1));
  for (const difference of differences.slice(0, SHOWN)) process.stderr.write(`${difference}\n`);
  process.stdout.write(`${JSON.stringify({ differential: 'avro', seed, ...counts, differences: differences.length, seconds })}\n`);
  return differences.length === 0 ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n${usage}\n`);
  return 2;
});
