import type { Obstacle, ProposedTable, Survey, SurveyedTopic } from '../model/survey.ts';
import type { DatabaseAnswer, InitAnswers, RegistryAnswer } from './init-answers.ts';
import { printable } from './output.ts';

/** Where an address with a password belongs; beside the configuration. */
export const secretFiles = { database: 'regional-database.url', primaryDatabase: 'primary-database.url' } as const;

const scalar = (text: string): string => JSON.stringify(text);
/** What others named goes into a comment as one line. */
const comment = (text: string, indent: string): string => `${indent}# ${printable(text.replaceAll(/\s+/g, ' ')).trim()}\n`;

/** A configuration just good enough to ask with. Held in memory: it may have passwords. */
export const askingConfig = (answers: InitAnswers): string =>
  `${connections(answers, { secrets: 'inline', heartbeat: '' })}mirror:\n  topics: ["*"]\n`;

/** The commented configuration that names what was found. */
export function surveyedConfig(answers: InitAnswers, survey: Survey): string {
  const mirrored = survey.topics.filter(({ obstacle }) => obstacle === undefined);
  const names = answers.isNamed
    ? ''
    : '# CHOOSE both names before the first run: they are part of transactional ids and cannot be changed later.\n';
  return `# Farshore configuration, written from what the clusters hold. Every key: farshore config schema, docs/configuration.md.
# Relative paths are relative to this file. What is commented out cannot be used as things are; the reason stands with it.

${names}${connections(answers, { secrets: 'files', heartbeat: heartbeat(survey) })}
mirror:
  # ${mirrored.length} of ${survey.topics.length} topics. The start of names with a trailing *, such as "billing.*", takes later ones too.
  topics:${mirrored.length === 0 ? ' []   # Nothing can be mirrored yet: name the topics that will be.' : ''}
${survey.topics.map(topicLine).join('')}  # What happens when retention at home overtakes the mirror. earliest goes on with what is left and counts what is lost.
  onTruncated: stop

apply:
  # validate changes no table; create makes the ones that are missing; evolve adds missing columns.
  schema: validate
${tableEntries(survey)}
admin:
  # Health, metrics, API and status page. Other addresses than loopback need a token.
  listen: "127.0.0.1:8320"
${token(answers)}`;
}

const token = ({ tokenFile }: InitAnswers): string =>
  tokenFile === undefined
    ? '  # tokenFile: /run/secrets/admin-token    # without it nothing can be changed, such as a partition resumed\n'
    : `  # Changes, such as a partition resumed, need the token in this file.\n  tokenFile: ${scalar(tokenFile)}\n`;

interface Written {
  readonly secrets: 'inline' | 'files';
  readonly heartbeat: string;
}

function connections(answers: InitAnswers, { secrets, heartbeat: beats }: Written): string {
  const { region, primaryName, primary, regional, registry, database, primaryDatabase } = answers;
  return `region: ${scalar(region)}

primary:
  name: ${scalar(primaryName)}
${kafka(primary)}${registry === undefined ? '  # registry: { url: "https://registry:8081" }    # needed before a table is applied\n' : registryText(registry)}${
  primaryDatabase === undefined
    ? '  # database: { urlFile: /run/secrets/primary-database }    # read only; audit, backfill and repair need it\n'
    : databaseText(primaryDatabase, secretFiles.primaryDatabase, secrets)
}${beats}
regional:
${kafka(regional)}${
  database === undefined
    ? `  # No database was named: put its address into this file, postgres://user:password@host:5432/name.\n  database: ${secrets === 'inline' ? '{ url: "postgres://nobody@127.0.0.1/none" }' : `{ urlFile: ${secretFiles.database} }`}\n`
    : databaseText(database, secretFiles.database, secrets)
}`;
}

function kafka({ brokers, caFile, sasl }: InitAnswers['primary']): string {
  const tls = caFile === undefined ? '' : `    tls: ${caFile === 'system' ? '{}' : `{ caFile: ${scalar(caFile)} }`}\n`;
  const login =
    sasl === undefined
      ? ''
      : `    sasl: { mechanism: ${scalar(sasl.mechanism)}, username: ${scalar(sasl.username)}, passwordFile: ${scalar(sasl.passwordFile)} }\n`;
  return `  kafka:\n    brokers: [${brokers.map(scalar).join(', ')}]\n${tls}${login}`;
}

function registryText(registry: RegistryAnswer): string {
  if ('directory' in registry) return `  registry: { directory: ${scalar(registry.directory)} }\n`;
  const { url, username, passwordFile } = registry;
  const user = username === undefined ? '' : `, username: ${scalar(username)}`;
  const password = passwordFile === undefined ? '' : `, passwordFile: ${scalar(passwordFile)}`;
  return `  registry: { url: ${scalar(url)}${user}${password} }\n`;
}

function databaseText(answer: DatabaseAnswer, secretFile: string, secrets: Written['secrets']): string {
  const tls = answer.caFile === undefined ? '' : `, tls: { caFile: ${scalar(answer.caFile)} }`;
  if (answer.kind === 'file') return `  database: { urlFile: ${scalar(answer.file)}${tls} }\n`;
  if (!answer.isSecret || secrets === 'inline') return `  database: { url: ${scalar(answer.url.replaceAll('${', '$${'))}${tls} }\n`;
  return `  # The address was given with its password, which is not kept here: write the address into this file, mode 600.\n  database: { urlFile: ${secretFile}${tls} }\n`;
}

function heartbeat({ heartbeatGrant }: Survey): string {
  const what = '  # Written each second and seen coming back: tells idle from broken.\n';
  if (heartbeatGrant === undefined) return `${what}  heartbeat: { topic: farshore.heartbeat, intervalMs: 1000 }\n`;
  return `${what}${comment('Off: this login may not write it. Remove the line once it may:', '  ')}${comment(heartbeatGrant, '  ')}  heartbeat: { enabled: false }\n`;
}

const partitionsText = (count: number): string => `${count} partition${count === 1 ? '' : 's'}`;

function topicLine({ topic, partitions, obstacle, noTable }: SurveyedTopic): string {
  if (obstacle !== undefined) return `${obstacleText(obstacle, '    ')}    # - ${scalar(topic)}\n`;
  return `    - ${scalar(topic)}   # ${partitionsText(partitions)}${noTable === undefined ? '' : printable(`; mirrored only: ${noTable}`)}\n`;
}

const obstacleText = ({ why, next }: Obstacle, indent: string): string =>
  comment(`Not as things are: ${why}`, indent) + (next === undefined ? '' : comment(next, indent));

function tableEntries({ tables, databaseAsked, registryAsked }: Survey): string {
  if (tables.length === 0) {
    const why =
      databaseAsked && registryAsked ? 'No topic has a table of its name.' : 'Tables are proposed once database and registry are named.';
    return `  tables: []   # ${why}\n`;
  }
  const usable = tables.some(({ obstacles }) => obstacles.length === 0);
  return `  # A row takes the state with the highest \`version\`: make sure that the field rises with every change of the row. Left out: the order of the log.\n  tables:${usable ? '' : ' []'}\n${tables.map(tableEntry).join('')}`;
}

function tableEntry(table: ProposedTable): string {
  const { topic, key, keyIsPrimary, version, preset, obstacles, unaudited } = table;
  const off = obstacles.length > 0 ? '# ' : '';
  const line = (text: string): string => `    ${off}${text}\n`;
  const keyLine =
    keyIsPrimary || key.length === 0
      ? `  # key: [${key.map(scalar).join(', ')}]   # the primary key`
      : `  key: [${key.map(scalar).join(', ')}]   # a unique index`;
  return [
    ...obstacles.map((obstacle) => obstacleText(obstacle, '    ')),
    ...(unaudited === undefined ? [] : [comment(`The audit leaves it out: ${unaudited}`, '    ')]),
    line(`- topic: ${scalar(topic)}`),
    line(`  table: ${scalar(table.table)}`),
    line(keyLine),
    ...(preset === undefined ? [] : [line(`  preset: ${preset}`)]),
    line(
      version === undefined
        ? '  # version: no field of the schema orders the states; the log does'
        : `  version: ${scalar(version.field)}   # ${printable(version.type)}`,
    ),
  ].join('');
}
