import { expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/parse.ts';
import type { Logger } from '../../../src/daemon/log.ts';
import { Reload } from '../../../src/daemon/reload.ts';
import { systemClock } from '../../../src/model/clock.ts';
import { filesOf } from '../config/read-file.ts';

const text = `region: west
primary:
  name: east
  kafka: { brokers: ["a:1"], sasl: { mechanism: scram-sha-512, username: u, passwordFile: password } }
  database: { urlFile: source }
regional:
  kafka: { brokers: ["b:1"] }
  database: { url: "postgres://u@db/app" }
  registry: { url: "http://registry", username: u, passwordFile: registry }
mirror: { topics: ["a.*"] }
`;

it('a rotated secret that needs a restart keeps no other from being taken, and is told each time', () => {
  const files = { '/f/password': 'one', '/f/source': 'postgres://r:one@home/app', '/f/registry': 'one' };
  const load = () => parseConfig(text, { file: '/f/farshore.yaml', env: {}, readFile: filesOf(files) });
  const said: string[] = [];
  const say = ({ event, restart = [], changed = [] }: { event: string; restart?: string[]; changed?: string[] }) =>
    said.push([event, ...restart, ...changed].join(' '));
  const reload = new Reload({
    config: load(),
    load,
    readText: (path) => filesOf(files)(path),
    logger: { info: say, error: say } as unknown as Logger,
    clock: systemClock,
    around: (work) => work(),
    onReload: ({ changed }) => said.push(`told ${changed.join(' ')}`),
  });
  const password = () => reload.current().primary.kafka.sasl?.password?.reveal();
  files['/f/registry'] = 'two';
  reload.reloadSecrets();
  files['/f/password'] = 'two';
  reload.reloadSecrets();
  expect(password()).toBe('two');
  files['/f/password'] = 'three';
  reload.reloadAll();
  expect(password()).toBe('three');
  expect(said).toEqual([
    'restart_needed regional.registry.passwordFile',
    ...[
      'restart_needed regional.registry.passwordFile',
      'told primary.kafka.sasl.passwordFile',
      'reloaded primary.kafka.sasl.passwordFile',
    ],
    ...[
      'restart_needed regional.registry.passwordFile',
      'told primary.kafka.sasl.passwordFile',
      'reloaded primary.kafka.sasl.passwordFile',
    ],
  ]);
  said.length = 0;
  files['/f/source'] = 'postgres://r:two@home/app';
  reload.reloadSecrets();
  expect(reload.current().primary.database?.url.reveal()).toBe(files['/f/source']);
  expect(said.slice(1)).toEqual(['told primary.database.urlFile', 'reloaded primary.database.urlFile']);
});
