import { writeFileSync } from 'node:fs';
import { describeApi } from '../src/admin/describe-api.ts';
import type { OpenApi } from '../src/admin/openapi.ts';
import { configJsonSchema } from '../src/config/schema.ts';
import { metricsDocs } from '../src/metrics/docs.ts';
import { type ErrorAction, errorCodes } from '../src/model/errors.ts';
import { licencesPage } from './licences.ts';

/** Part of a JSON Schema, as far as the configuration uses it. */
interface SchemaPart {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaPart>>;
  readonly required?: readonly string[];
  readonly items?: SchemaPart;
  readonly anyOf?: readonly SchemaPart[];
  readonly additionalProperties?: SchemaPart | false;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, SchemaPart>>;
}

/** Every page that is made from the code, by its path in the repository. */
export const generatedDocs = (): ReadonlyMap<string, string> =>
  new Map([
    ['docs/api.md', apiPage(describeApi())],
    ['docs/openapi.json', `${JSON.stringify(describeApi(), null, 2)}\n`],
    ['docs/config.schema.json', `${JSON.stringify(configJsonSchema(), null, 2)}\n`],
    ['docs/configuration.md', configurationPage(configJsonSchema() as SchemaPart)],
    ['docs/errors.md', errorsPage()],
    ['docs/licences.md', licencesPage()],
    ['docs/metrics.md', metricsDocs()],
  ]);

const configurationIntro = `# Configuration

One YAML file. \`farshore init\` asks the clusters and writes one, \`farshore check --config FILE\` tries it, \`farshore config print --config FILE\` prints what
takes effect, without secrets. Editors know the keys from [config.schema.json](config.schema.json) (\`farshore config schema\`). This page is made from the code.

- **References.** In any value: \`\${NAME}\`, \`\${NAME:-default}\` (also when the variable is empty) and \`\${file:/path}\`; \`$\${\` is a literal \`\${\`. They are replaced
  after the file was parsed, so what they hold never becomes structure. Inside \`{ }\` and \`[ ]\` write them in quotes.
- **Secrets** have a twin that names a file: \`password\` or \`passwordFile\`, \`url\` or \`urlFile\`; exactly one of the two. A final line break is not part of the secret.
- **Relative paths** start from the folder of the configuration file.
- **Problems** are all reported at once as \`file:line:column: message (suggestion)\`, and the exit code is 78. An unknown key is a problem.
- **Patterns** of topics are a name, or the start of names with a trailing \`*\`. \`farshore.*\`, \`__*\` and \`*.farshore.rejected\` match no pattern.
- **Tables** take one topic each. Without \`version\` the order of the log decides which state of a row is newer.
- **Nanosecond timestamps** have more digits than PostgreSQL's timestamp columns keep; such a field goes to a \`text\` column, which keeps them all; any other is refused.
`;

function configurationPage(root: SchemaPart): string {
  const sections: string[] = [section('Top level', undefined, root)];
  for (const [key, part] of Object.entries(root.properties ?? {})) {
    if (part.properties === undefined) continue;
    sections.push(section(`\`${key}\``, part.description, part));
    for (const [child, inner] of Object.entries(part.properties)) {
      if (inner.properties !== undefined) sections.push(section(`\`${key}.${child}\``, inner.description, flattened(inner)));
    }
  }
  const shared = Object.entries(root.$defs ?? {}).map(([name, part]) => section(`Shared: ${name}`, part.description, part));
  return `${configurationIntro}\n${[...sections, ...shared].join('\n')}`;
}

/** What lies deeper than two keys is shown under the keys that lead to it: `lag.maxSeconds`. */
function flattened(part: SchemaPart): SchemaPart {
  const entries = Object.entries(part.properties ?? {}).flatMap(([key, child]): [string, SchemaPart][] =>
    child.properties === undefined
      ? [[key, child]]
      : Object.entries(flattened(child).properties ?? {}).map(([name, inner]) => [`${key}.${name}`, inner]),
  );
  return { ...part, properties: Object.fromEntries(entries) };
}

function section(title: string, description: string | undefined, part: SchemaPart): string {
  const required = new Set(part.required ?? []);
  const rows = Object.entries(part.properties ?? {}).map(([key, child]) => {
    const fallback = required.has(key) ? '**required**' : defaultText(child);
    return `| \`${key}\` | ${typeText(child)} | ${fallback} | ${cell(child.description ?? '')} |`;
  });
  const intro = description === undefined ? '' : `${description}\n\n`;
  return `## ${title}\n${intro}| key | value | default | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}

function typeText(part: SchemaPart): string {
  if (part.$ref !== undefined) {
    const name = part.$ref.slice(part.$ref.lastIndexOf('/') + 1);
    return `[${name}](#shared-${name.toLowerCase()})`;
  }
  if (part.enum !== undefined) return part.enum.map((value) => `\`${value}\``).join(', ');
  if (part.anyOf !== undefined) return part.anyOf.map(typeText).join(' or ');
  if (part.type === 'array') return `list of ${typeText(part.items ?? {})}`;
  if (part.type === 'object') return part.properties === undefined ? 'map of texts' : 'section';
  const names: Readonly<Record<string, string>> = { string: 'text', integer: 'whole number', boolean: 'true or false' };
  return names[part.type ?? ''] ?? 'any';
}

const defaultText = (part: SchemaPart): string =>
  part.default === undefined || part.type === 'object' ? '' : `\`${JSON.stringify(part.default)}\``;

const cell = (text: string): string => text.replaceAll('|', '\\|');

const actionMeaning: Readonly<Record<ErrorAction, string>> = {
  retry: 'The same work is tried again, with growing pauses, until it succeeds. Nothing is skipped.',
  reject: 'The request is refused and nothing is changed.',
  stop: 'The partition or table concerned stands still until `farshore partition resume`; the others go on. Where the cause is mended outside it is tried again at each refresh.',
  halt: 'The daemon ends, because going on could lose or invent data; systemd or Kubernetes starts it again.',
};

function errorsPage(): string {
  const parts = (Object.keys(actionMeaning) as ErrorAction[]).map((action) => {
    const rows = Object.entries(errorCodes)
      .filter(([, error]) => error.action === action)
      .map(
        ([code, error]) =>
          `| \`${code}\` | ${cell(error.summary)}${'triedAgain' in error ? ' Goes on by itself once that is mended.' : ''} |`,
      );
    return `## ${action}\n${actionMeaning[action]}\n\n| code | meaning |\n|---|---|\n${rows.join('\n')}\n`;
  });
  return `# Errors

Every error has a code. It is in the log line, in \`farshore status\`, in the API's answers and in front of what the CLI prints:
\`error[code]: message\`, then \`at:\` where, then \`next:\` what to do. This page is made from the code. What to do about a stopped partition is in
[runbooks/partition-stopped.md](runbooks/partition-stopped.md). The code says what Farshore does:

${parts.join('\n')}`;
}

function apiPage({ paths, info }: OpenApi): string {
  const rows = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(
      ([method, { summary, security }]) =>
        `| \`${method.toUpperCase()} ${path}\` | ${security === undefined ? '' : 'needed'} | ${cell(summary)} |`,
    ),
  );
  return `# API

${info.description} Requests and answers of each route are in [openapi.json](openapi.json) (OpenAPI 3.1), which a daemon serves at \`/api/openapi.json\`
for its own version. The CLI uses the same API.

- The token goes in \`Authorization: Bearer …\`: 401 without it or with another, 403 where none is configured.
- Bodies are JSON, up to 64 KiB; an unknown key is refused with 400. What the daemon refuses is 409, what can be tried again 503.
- Every refusal is \`{"code", "message", "place", "hint"}\`; codes are in [errors.md](errors.md). Offsets and ids are text, times ISO 8601 in UTC.
- The \`Host\` header must name the daemon: an address it listens on, or localhost.

This page is made from the code.

| route | token | what it is for |
|---|---|---|
${rows.join('\n')}
`;
}

if (import.meta.main) {
  for (const [path, text] of generatedDocs()) writeFileSync(new URL(`../${path}`, import.meta.url), text);
}
