import { targetProblem } from '../http/address-guard.ts';
import type { Written } from './checks.ts';
import { parseListen } from './listen.ts';

/** What is credentials has a key of its own per target, so that it is never printed and one side's is never sent to the other. */
const ownKeys: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization']);
/** They say where a message ends or who it is for. */
const framing: ReadonlySet<string> = new Set([
  ...['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'te', 'trailer', 'expect', 'keep-alive'],
  ...['x-http-method-override', 'x-http-method', 'x-method-override'],
]);

export function shadowChecks(written: Written): void {
  if (!written.isMap(['shadow'])) return;
  for (const side of ['primary', 'region']) targetChecks(written, side);
  const set = written.at(['shadow', 'headers', 'set']);
  for (const name of typeof set === 'object' && set !== null ? Object.keys(set) : []) {
    const path = ['shadow', 'headers', 'set', name];
    if (ownKeys.has(name.toLowerCase())) written.reportKey(path, `${name} is a credential of one side`, 'write it under the target');
    if (framing.has(name.toLowerCase())) written.reportKey(path, `${name} cannot be set`, 'remove it');
  }
  if (written.source.has(['shadow', 'originalUri']) && !written.source.has(['shadow', 'listen'])) {
    written.reportKey(['shadow', 'originalUri'], 'originalUri is for shadow.listen', 'remove it');
  }
  const ports = ['listen', 'proxyListen'].map((key) => [key, written.text(['shadow', key])] as const);
  for (const [key, text] of ports) {
    const address = text === undefined ? undefined : parseListen(text);
    const admin = parseListen(written.text(['admin', 'listen']) ?? '127.0.0.1:8320');
    const taken = address !== undefined && address.port !== 0 && address.port === admin?.port && address.host === admin.host;
    if (taken) written.report(['shadow', key], `${text} is where the admin server listens`, 'each has an address of its own');
  }
  if (ports[0]?.[1] !== undefined && ports[0][1] === ports[1]?.[1]) {
    written.report(['shadow', 'proxyListen'], 'shadow.listen and shadow.proxyListen are the same', 'each has an address of its own');
  }
}

function targetChecks(written: Written, side: string): void {
  const path = ['shadow', 'targets', side];
  for (const key of ['authorization', 'cookie']) {
    const both = written.source.has([...path, key]) && written.source.has([...path, `${key}File`]);
    if (both) written.reportKey([...path, `${key}File`], `${key} and ${key}File are both given`, 'keep one of them');
  }
  const url = written.text([...path, 'url']);
  const problem = url !== undefined && URL.canParse(url) ? targetProblem(new URL(url).hostname) : undefined;
  if (problem !== undefined) written.report([...path, 'url'], problem, 'name the address of the service');
}
