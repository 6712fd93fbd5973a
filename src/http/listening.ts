import { once } from 'node:events';
import type { Server } from 'node:http';
import { FarshoreError } from '../model/errors.ts';

export interface ListeningServer {
  /** Port it listens on, also when the system chose it. */
  readonly port: number;
  /** Lets what is under way end within `graceMs`; resolves once the port is free. */
  close(graceMs: number): Promise<void>;
}

/** Listens. Rejects with `config_invalid` when the address cannot be had; `place` is the key that named it. */
export async function listening(server: Server, { host, port }: { host: string; port: number }, place: string): Promise<ListeningServer> {
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (cause) {
    throw new FarshoreError('config_invalid', `Nothing can listen on ${host}:${port}: ${(cause as Error).message}`, {
      place,
      hint: 'Name an address of this machine and a free port.',
      cause,
    });
  }
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: async (graceMs) => {
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}
