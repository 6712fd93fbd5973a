import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { OpenApi } from '../../src/admin/openapi.ts';
import type { TestDaemon } from './daemon.ts';

/** Asks everything that can be read without naming one thing, and answers what is not as the daemon's own document declares it. */
export async function undeclaredAnswers(daemon: TestDaemon): Promise<{ readonly asked: number; readonly problems: readonly string[] }> {
  const token = (await readFile(join(daemon.folder, 'token'), 'utf8')).trim();
  const ask = async (path: string) =>
    await fetch(`${daemon.url}${path}`, { headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(10_000) });
  const document = (await (await ask('/api/openapi.json')).json()) as OpenApi;
  const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { 'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/ } });
  ajv.addSchema(document, 'api');
  const problems: string[] = [];
  const readable = Object.entries(document.paths).filter(([path, { get }]) => !path.includes('{') && get?.responses['200'] !== undefined);
  for (const [path, { get }] of readable) {
    const answer = await ask(path);
    const declared = get!.responses[answer.status] === undefined ? 'default' : String(answer.status);
    if (!('application/json' in get!.responses[declared]!.content)) continue;
    const isValid = ajv.getSchema(`api#/paths/${path.replaceAll('/', '~1')}/get/responses/${declared}/content/application~1json/schema`)!;
    const value: unknown = await answer.json();
    if (!isValid(value))
      problems.push(`${answer.status} of ${path}: ${ajv.errorsText(isValid.errors)}: ${JSON.stringify(value).slice(0, 500)}`);
  }
  return { asked: readable.length, problems };
}
