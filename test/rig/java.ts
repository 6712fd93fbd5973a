import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { avroJarsDirectory, avroVersion, kafkaJarsDirectory, kafkaVersion, stateDirectory } from './paths.ts';

const run = promisify(execFile);
const sourceDirectory = join(import.meta.dirname, 'java');

/** The rig's own Java programs, compiled. */
export interface RigJava {
  readonly jarFile: string;
  /** Class-data archive of a broker's start; it is made by setup and may be absent. */
  readonly brokerArchive: string;
  readonly classPath: string;
  readonly logConfig: string;
}

export async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

async function sourceFiles(): Promise<string[]> {
  const names = await readdir(sourceDirectory);
  return names
    .filter((name) => name.endsWith('.java'))
    .sort()
    .map((name) => join(sourceDirectory, name));
}

/** Kafka's first: a broker runs with the libraries it came with. */
const libraries = `${kafkaJarsDirectory}/*:${avroJarsDirectory}/*`;

async function compile(sources: readonly string[], directory: string): Promise<void> {
  await mkdir(stateDirectory, { recursive: true });
  const fresh = await mkdtemp(join(stateDirectory, 'oracle.'));
  try {
    const classes = join(fresh, 'classes');
    // Whatever the machine's locale: the sources are UTF-8.
    await run('javac', ['-encoding', 'UTF-8', '--release', '17', '-proc:none', '-d', classes, '-cp', libraries, ...sources]);
    await run('jar', ['--create', '--file', join(fresh, 'rig.jar'), '-C', classes, '.']);
    await rm(classes, { recursive: true });
    await rename(fresh, directory);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    // ENOTEMPTY or EEXIST: another process compiled the same sources and was faster.
    if (!(await exists(join(directory, 'rig.jar')))) throw error;
  }
}

/** The compiled programs for the sources as they are now, compiling them when they changed. */
export async function rigJava(): Promise<RigJava> {
  if (!(await exists(join(kafkaJarsDirectory, `kafka_2.13-${kafkaVersion}.jar`)))) {
    throw new Error(`Kafka's jars are not in ${kafkaJarsDirectory}; run ./scripts/setup`);
  }
  if (!(await exists(join(avroJarsDirectory, `avro-${avroVersion}.jar`)))) {
    throw new Error(`Avro's jars are not in ${avroJarsDirectory}; run ./scripts/setup`);
  }
  const sources = await sourceFiles();
  const hash = createHash('sha256').update(kafkaVersion).update(avroVersion);
  for (const source of sources) hash.update(await readFile(source));
  const directory = join(stateDirectory, `oracle-${hash.digest('hex').slice(0, 12)}`);
  const jarFile = join(directory, 'rig.jar');
  if (!(await exists(jarFile))) await compile(sources, directory);
  return {
    jarFile,
    brokerArchive: join(directory, 'broker.jsa'),
    classPath: `${jarFile}:${libraries}`,
    logConfig: join(sourceDirectory, 'log4j2.xml'),
  };
}

/**
 * Flags of a short-lived virtual machine: a start counts for more than peak speed. Kafka's tools load most of what a broker loads: with its archive
 * `kafka-acls` starts in 0.9 s instead of 1.4 s.
 */
export function quickStartFlags(java: RigJava, heapMiB: number): string[] {
  return [
    `-Xmx${heapMiB}m`,
    '-Xshare:auto',
    '-XX:TieredStopAtLevel=1',
    '-XX:+UseSerialGC',
    `-Dlog4j2.configurationFile=${java.logConfig}`,
    // An archive of another Java, or of another class path, is left unused, which is slower and nothing else.
    '-Xlog:cds=off',
    '-Xlog:cds+dynamic=off',
    ...(existsSync(java.brokerArchive) ? [`-XX:SharedArchiveFile=${java.brokerArchive}`] : []),
  ];
}
