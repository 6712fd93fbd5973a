/**
 * The part of setup that needs Node: compiles the rig's Java programs, and records the classes a broker loads while it starts, which
 * about halves the time of every later start. Without that archive everything works, only slower.
 */
import { execFile } from 'node:child_process';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { exists, rigJava } from '../test/rig/java.ts';
import { startKafka } from '../test/rig/kafka.ts';
import { kafkaJarsDirectory, repositoryRoot, stateDirectory } from '../test/rig/paths.ts';

const run = promisify(execFile);
const say = (line: string): void => {
  process.stderr.write(`setup: ${line}\n`);
};

const java = await rigJava();
// An archive serves the very Java that wrote it.
const { stderr: javaVersion } = await run('java', ['-version']);
const stampFile = `${java.brokerArchive}.java`;
const stamp = await readFile(stampFile, 'utf8').catch(() => '');
if (stamp !== javaVersion || !(await exists(java.brokerArchive))) {
  say("recording a broker's start, once");
  await rm(java.brokerArchive, { force: true });
  const fresh = `${java.brokerArchive}.${process.pid}`;
  await using kafka = await startKafka({ name: 'setup', javaFlags: [`-XX:ArchiveClassesAtExit=${fresh}`] });
  await kafka.stop();
  if (await exists(fresh)) {
    await rename(fresh, java.brokerArchive);
    await writeFile(stampFile, javaVersion);
  } else {
    say('this Java wrote no class archive: brokers will start more slowly');
  }
}

// Where Docker runs, the rig can use containers: their broker image is made of the same jars.
const docker = await run('docker', ['info'], { timeout: 10_000 }).then(
  () => true,
  () => false,
);
if (docker) {
  const dockerfile = join(repositoryRoot, 'test', 'rig', 'docker', 'Dockerfile');
  const places = [`JARS=${basename(kafkaJarsDirectory)}`, `RIG=${basename(dirname(java.jarFile))}`].flatMap((place) => [
    '--build-arg',
    place,
  ]);
  await run('docker', ['build', '--quiet', '--tag', 'farshore-kafka-test', '--file', dockerfile, ...places, stateDirectory]).catch(
    (error: Error) => say(`the container image was not built, local processes are used instead: ${error.message}`),
  );
}
