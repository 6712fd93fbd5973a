import { expect, it } from 'vitest';
import type { FarshoreConfig } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { checkCutoverDatabase } from '../../src/daemon/check-cutover-database.ts';
import { freshDatabase } from '../rig/context.ts';
import { filesOf } from '../unit/config/read-file.ts';
import { never } from './postgres-fixtures.ts';

const config = (url: string): FarshoreConfig =>
  parseConfig(
    `region: west
primary: { name: east, kafka: { brokers: ["a:1"] } }
regional: { kafka: { brokers: ["b:1"] }, database: { url: "postgres://u@db/app" } }
mirror: { topics: ["a.*"] }
cutover: { primaryDatabase: { urlFile: url } }
`,
    { file: '/f/farshore.yaml', env: {}, readFile: filesOf({ '/f/url': url }) },
  );

it('check logs in at the database that a cutover freezes, and says so when it cannot', async () => {
  const url = await freshDatabase();
  expect(await checkCutoverDatabase(config(url), never)).toMatchObject([{ level: 'ok', place: 'cutover.primaryDatabase' }]);
  const other = new URL(url);
  other.pathname = '/there_is_none';
  expect(await checkCutoverDatabase(config(other.href), never)).toMatchObject([
    { area: 'primary database', level: 'problem', what: expect.stringContaining('there_is_none') },
  ]);
});
