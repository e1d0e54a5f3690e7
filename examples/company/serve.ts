import { createServer } from 'node:http';
import type { Express } from 'express';
import type { Settings } from './settings.ts';
import type { State } from './state.ts';

export interface Listening {
  /** Without trailing slash. */
  readonly url: string;
  /** Takes requests from now on. */
  handle(app: Express): void;
}

/** Listens first, because an issuer's name contains its port. Whoever calls before `handle` waits. */
export async function listen(
  settings: Pick<Settings, 'host' | 'port'>,
  state: State,
  beforeExit: () => Promise<unknown>,
): Promise<Listening> {
  let handle: (app: Express) => void = () => undefined;
  const ready = new Promise<Express>((resolve) => (handle = resolve));
  const server = createServer((req, res) => void ready.then((app) => app(req, res)));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    void state.port(settings.port).then((port) => server.listen(port, settings.host, resolve));
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : settings.port;
  await state.rememberPort(port);

  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    server.close();
    server.closeAllConnections();
    void beforeExit().finally(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  return { url: `http://${settings.host}:${port}`, handle };
}
