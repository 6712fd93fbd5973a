import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startMirrorListener } from '../../src/http/mirror-listener.ts';
import type { ShadowRequest } from '../../src/shadow/contracts.ts';
import { Intake } from '../../src/shadow/intake.ts';
import { BoundedQueue } from '../../src/shadow/request-queue.ts';

/** What stands behind a web server that mirrors: the service that answers users, and Farshore's listener for the copies. */
export interface MirroredService extends AsyncDisposable {
  readonly servicePort: number;
  readonly listenerPort: number;
  /** How long the service takes to answer a user, from now on. */
  delayMs: number;
  /** The next copy that was taken; rejects after ten seconds. */
  next(): Promise<ShadowRequest>;
}

export async function startMirroredService(): Promise<MirroredService> {
  const queue = new BoundedQueue({ requests: 100, bytes: 10_000_000 });
  const nothing = (): void => undefined;
  const intake = new Intake(
    { sample: 1, sampleBy: undefined, maxPerSecond: 10_000, maxLoad: 1, maxBodyBytes: 100_000, safe: [] },
    queue,
    { taken: nothing, shed: nothing, skipped: nothing },
    { wallMs: () => Date.now(), monotonicMs: () => performance.now(), sleep: async () => undefined },
  );
  intake.open = true;
  const listener = await startMirrorListener(intake, {
    ...{ host: '127.0.0.1', port: 0, originalUri: false, maxBodyBytes: 100_000 },
    wallMs: () => Date.now(),
  });
  const service = createServer((message, response) => {
    message.resume();
    setTimeout(() => response.end(`${message.method} ${message.url}`), started.delayMs);
  });
  service.listen(0, '127.0.0.1');
  await once(service, 'listening');
  const started: MirroredService = {
    servicePort: (service.address() as AddressInfo).port,
    listenerPort: listener.port,
    delayMs: 0,
    next: () => queue.take(AbortSignal.timeout(10_000)),
    async [Symbol.asyncDispose]() {
      service.closeAllConnections();
      service.close();
      await listener.close(0);
    },
  };
  return started;
}
