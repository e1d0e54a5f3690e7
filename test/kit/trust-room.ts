import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { createAudit } from '../../src/audit/index.ts';
import { createRouter } from '../../src/api/router.ts';
import { createGateway } from '../../src/broker/index.ts';
import { authenticate } from '../../src/http/authenticate.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createEvents } from '../../src/events/write-event.ts';
import { systemIds } from '../../src/kernel/ids.ts';
import { createOutbound } from '../../src/outbound/index.ts';
import { createPolicies } from '../../src/policy/index.ts';
import { createRegistry } from '../../src/registry/index.ts';
import { registryRoutes } from '../../src/registry/routes.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createTenancy } from '../../src/tenancy/index.ts';
import { tenancyRoutes } from '../../src/tenancy/routes.ts';
import { createKeys, localKeyEncryption, createTrust, type Trust } from '../../src/trust/index.ts';
import { trustRoutes } from '../../src/trust/routes.ts';
import type { Operator } from '../support/market.ts';

export interface TrustRoom extends Operator {
  readonly trust: Trust;
  /** Requests so far, by path. */
  readonly requests: Map<string, number>;
  close(): Promise<void>;
}

const operatorToken = 'operator-token-of-the-kit-tests';

/** The broker's real registry, tenancy, trust and gateway behind a real socket: what the kit and the examples talk to. */
export async function openTrustRoom(): Promise<TrustRoom> {
  const requests = new Map<string, number>();
  let gateway: ReturnType<typeof createGateway> | undefined;
  let handle: ReturnType<typeof getRequestListener> | undefined;
  const server = createServer((req, res) => {
    const path = new URL(req.url ?? '/', 'http://broker').pathname;
    requests.set(path, (requests.get(path) ?? 0) + 1);
    if (gateway?.matches(req.method ?? '', req.url ?? '') === true) gateway.handle(req, res);
    else void handle?.(req, res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;

  const log = createLog({ level: 'silent' });
  const store = openMemoryStore({ clock: systemClock });
  const outbound = createOutbound({ log, allowPrivateNetwork: true });
  const audit = createAudit({ store, clock: systemClock, ids: systemIds });
  const events = createEvents({ store, clock: systemClock, ids: systemIds, brokerUrl: url });
  const base = { store, clock: systemClock, ids: systemIds, log, outbound, audit, events, brokerUrl: url };
  const keys = await createKeys({ ...base, encryption: localKeyEncryption(randomBytes(32)) });
  const registry = createRegistry({ ...base, cardSigner: keys.cardSigner() });
  const plans = { exists: () => Promise.resolve(false) };
  const tenancy = createTenancy({ ...base, agents: registry, plans });
  const policies = await createPolicies({ ...base, registry, tenancy });
  const trust = createTrust({ ...base, keys, registry, tenancy, policies });
  // Nobody is billed here.
  const billing = { observe: () => Promise.resolve({ ok: true } as const) };
  gateway = createGateway({ ...base, trust, billing, random: Math.random });
  const app = createRouter();
  const isOperatorToken = (token: string): boolean => token === operatorToken;
  app.use('/v1/*', authenticate(url, { ...trust, isOperatorToken }));
  app.onError((error, c) => c.text(error.message, 500));
  app.route('/', registryRoutes(registry, url));
  app.route('/', tenancyRoutes(tenancy));
  app.route('/', trustRoutes(trust, { brokerUrl: url, keys, registry }));
  handle = getRequestListener(app.fetch);

  return {
    url,
    token: operatorToken,
    trust,
    requests,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await outbound.close();
      await store.close();
    },
  };
}
