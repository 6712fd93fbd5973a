import { join } from 'node:path';

/** The root of the repository, wherever it was cloned to. */
export const repositoryRoot: string = join(import.meta.dirname, '..', '..');

/** What setup installed and compiled; ignored by git, safe to delete. */
export const stateDirectory: string = join(repositoryRoot, '.farshore');

export const kafkaVersion = '4.1.1';
export const avroVersion = '1.12.1';
export const avroJarsDirectory: string = join(stateDirectory, `avro-${avroVersion}`);
export const kafkaJarsDirectory: string = join(stateDirectory, `kafka-${kafkaVersion}`);
