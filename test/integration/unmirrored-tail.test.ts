import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { unmirroredRanges } from '../../src/cutover/tail-export.ts';
import { tailStore } from '../../src/postgres/tail-store.ts';
import { createTopic, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { quickStartFlags, rigJava } from '../rig/java.ts';
import { migratedDatabase, never } from './postgres-fixtures.ts';

const run = promisify(execFile);

/** A folder with the program that operators have, and nothing else. */
async function folderWithConsumer(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'farshore-tail-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const java = await rigJava();
  const flags = quickStartFlags(java, 128).map((flag) => `'${flag}'`);
  const program = join(folder, 'kafka-console-consumer.sh');
  const main = 'org.apache.kafka.tools.consumer.ConsoleConsumer';
  await writeFile(program, `#!/bin/sh\nexec java ${flags.join(' ')} -cp '${java.classPath}' ${main} "$@"\n`);
  await chmod(program, 0o700);
  return folder;
}

it('C26: the unmirrored tail is listed from the table, and its command brings exactly those records, byte by byte', async () => {
  const { primary } = sharedRig();
  const home = uniqueTopic('tail');
  await createTopic(primary, { topic: home });
  const producer = kafkajsFor(primary).producer();
  await producer.connect();
  onTestFinished(() => producer.disconnect());
  const values = [Buffer.from('mirrored'), Buffer.from([0, 0, 0, 0, 7, 10, 0xff]), Buffer.from('a\\b\tc'), null, Buffer.from('later')];
  await producer.send({ topic: home, messages: values.map((value, i) => ({ key: `k${i}`, value, headers: { h: `x${i}` } })) });

  const database = await migratedDatabase(await freshDatabase());
  onTestFinished(() => database.close());
  const store = tailStore(database);
  expect(await store.list(never)).toEqual([]);
  await store.keep([{ topic: `east.${home}`, partition: 0, from: 1n, to: 3n }], never);
  // It is looked at again, and something was written there meanwhile.
  await store.keep([{ topic: `east.${home}`, partition: 0, from: 1n, to: 4n }], never);
  const [range, ...others] = unmirroredRanges(await store.list(never), { brokers: [primary], prefix: 'east.' });
  expect(others).toEqual([]);
  expect(range).toMatchObject({ topic: `east.${home}`, primaryTopic: home, partition: 0, from: '1', to: '4' });
  expect(range?.foundAt).toMatch(/^20\d\d-\d\d-\d\dT[\d:.]+Z$/);

  const folder = await folderWithConsumer();
  await run('sh', ['-c', range?.exportCommand ?? ''], { cwd: folder, env: { ...process.env, PATH: `${folder}:${process.env.PATH}` } });
  const lines = (await readFile(join(folder, `${home}-0-1.tail`), 'utf8')).trimEnd().split('\n');
  expect(lines.map((line) => line.replace(/^CreateTime:\d+\t/, ''))).toEqual([
    'Partition:0\tOffset:1\th:x1\tk1\t\\x00\\x00\\x00\\x00\\x07\\x0A\\xFF',
    'Partition:0\tOffset:2\th:x2\tk2\ta\\x5Cb\\x09c',
    'Partition:0\tOffset:3\th:x3\tk3\tnull',
  ]);
});
