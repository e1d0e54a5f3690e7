import { getRequestListener } from '@hono/node-server';
import { chainEntries, createAudit } from './audit/index.ts';
import { auditRoutes } from './audit/routes.ts';
import { createBilling } from './billing/index.ts';
import { billingRoutes } from './billing/routes.ts';
import { createGateway, type Gateway, type UpstreamTimes } from './broker/index.ts';
import { gatewayRoutes } from './broker/routes.ts';
import type { Config } from './config/index.ts';
import { loadMasterKey, previousMasterKey, readMasterKey } from './config/master-key.ts';
import { openBus } from './events/open-bus.ts';
import type { EventBus } from './events/port.ts';
import { createRelay } from './events/relay-outbox.ts';
import { ringOnCommit } from './events/ring-on-commit.ts';
import { createEvents } from './events/write-event.ts';
import { createApp } from './http/app.ts';
import { ensureOperatorToken } from './http/operator-token.ts';
import { createHttpServer, serverLimits, type ServerLimits } from './http/server.ts';
import { type Clock, systemClock } from './kernel/clock.ts';
import { type Ids, systemIds } from './kernel/ids.ts';
import { createOperations } from './operations/index.ts';
import { operationsRoutes } from './operations/routes.ts';
import { createOutbound } from './outbound/index.ts';
import type { Outbound } from './outbound/port.ts';
import { createPolicies } from './policy/index.ts';
import { policyRoutes } from './policy/routes.ts';
import { createRegistry } from './registry/index.ts';
import { registryRoutes } from './registry/routes.ts';
import { openStore } from './storage/open-store.ts';
import type { Store } from './storage/port.ts';
import { recentReads } from './storage/recent-reads.ts';
import { sealCursors } from './storage/sealed-cursors.ts';
import { createLog, type Log } from './telemetry/log.ts';
import { createTenancy } from './tenancy/index.ts';
import { tenancyRoutes } from './tenancy/routes.ts';
import { createKeys, createTrust, localKeyEncryption, rememberIssuer, requireNoKeys } from './trust/index.ts';
import { trustRoutes } from './trust/routes.ts';
import type { Router } from './api/router.ts';

export interface Broker {
  readonly app: Router;
  readonly gateway: Gateway;
  /** Set when the operator token was made just now; it can't be read again. */
  readonly madeOperatorToken: string | undefined;
  /** Starts to serve; resolves with the port that is listened on. */
  listen(): Promise<{ readonly port: number }>;
  /** Refuses new connections, lets running calls and event hand-overs end for a bounded time, then releases everything. */
  close(): Promise<void>;
}

/** Parts that a test or an embedding program brings itself. */
export interface Overrides {
  readonly clock?: Clock;
  readonly ids?: Ids;
  readonly store?: Store;
  readonly outbound?: Outbound;
  readonly log?: Log;
  readonly limits?: Partial<ServerLimits>;
  readonly bus?: EventBus;
  readonly upstreamTimes?: Partial<UpstreamTimes>;
}

/** What was cut off at the end is written down within this time. */
const settleMs = 2000;

/** Puts the parts together. The only file that knows all of them. */
export async function createBroker(config: Config, overrides: Overrides = {}): Promise<Broker> {
  const clock = overrides.clock ?? systemClock;
  const ids = overrides.ids ?? systemIds;
  const log = overrides.log ?? createLog({ level: config.LOG_LEVEL });
  const engine = overrides.store ?? (await openStore(config, clock));
  const masterKey = (await readMasterKey(config)) ?? (await makeMasterKey(config, engine));
  const bus = overrides.bus ?? (await openBus(config, log));
  const relay = createRelay({ store: engine, bus, clock, log, random: Math.random });
  const rung = ringOnCommit(sealCursors(recentReads(engine, clock), masterKey), (shard) => relay.wake(shard));
  const store = chainEntries(rung, ids);
  const outbound =
    overrides.outbound ?? createOutbound({ log, allowPrivateNetwork: config.BROKER_ALLOW_PRIVATE_NETWORK });

  const base = {
    store,
    clock,
    ids,
    log,
    outbound,
    brokerUrl: config.BROKER_URL,
    audit: createAudit({ store, clock, ids }),
    events: createEvents({ store, clock, ids, brokerUrl: config.BROKER_URL }),
  };
  const keys = await createKeys({
    ...base,
    encryption: localKeyEncryption(masterKey, previousMasterKey(config)),
  });
  const knownAs = await rememberIssuer(store, config.BROKER_URL);
  if (knownAs !== config.BROKER_URL)
    log.warn(
      { knownAs, BROKER_URL: config.BROKER_URL },
      'this store belongs to a broker at another address: tokens, cards and clients that name that one are not valid at this one',
    );
  const operatorToken = await ensureOperatorToken(store, config.BROKER_OPERATOR_TOKEN);

  const registry = createRegistry({ ...base, cardSigner: keys.cardSigner() });
  const tenancy = createTenancy({
    ...base,
    agents: registry,
    plans: { exists: (key) => billing.planExists(key) },
  });
  const policies = await createPolicies({ ...base, registry, tenancy });
  const trust = createTrust({
    ...base,
    keys,
    registry,
    tenancy,
    policies,
    dpopPolicy: {
      required: config.BROKER_DPOP === 'required',
      nonceRequired: config.BROKER_DPOP_NONCES === 'required',
    },
  });
  const billing = createBilling({
    ...base,
    delegations: { find: (id) => trust.findDelegation(id) },
    tenancy,
    registry,
  });
  const gateway = createGateway({
    ...base,
    trust,
    billing,
    random: Math.random,
    upstreamTimes: overrides.upstreamTimes ?? {},
  });

  const app = createApp({
    ...base,
    authenticators: {
      isOperatorToken: (token) => operatorToken.matches(token),
      authenticateBearer: (token, possession) => trust.authenticateBearer(token, possession),
      dpop: trust.dpop,
    },
    readiness: {
      check: async () => {
        await store.get({ partition: 'operator', sort: 'token' });
        keys.jwks();
      },
    },
    routers: [
      registryRoutes(registry, config.BROKER_URL),
      tenancyRoutes(tenancy),
      trustRoutes(trust, { brokerUrl: config.BROKER_URL, keys, registry }),
      policyRoutes(policies, () => clock.now()),
      gatewayRoutes(),
      billingRoutes(billing, () => clock.now()),
      auditRoutes(base.audit),
      operationsRoutes(createOperations({ ...base, bus }), () => clock.now()),
    ],
  });

  const dayMs = 24 * 3_600_000;
  const maxKeyAgeMs =
    config.BROKER_KEY_ROTATION_DAYS === 0 ? Infinity : config.BROKER_KEY_ROTATION_DAYS * dayMs;
  const stopWatchingKeys = trust.watchKeys(maxKeyAgeMs);
  const stopWatchingTallies = base.audit.watchTallies();

  const limits = { ...serverLimits, ...overrides.limits };
  // Its own clean-up closes the connection of a refused body after half a second; our server reads on first.
  const handle = getRequestListener(app.fetch, { autoCleanupIncoming: false });
  const server = createHttpServer((request, response) => {
    // Relayed calls skip hono and web streams: see docs/adr/0003-gateway-on-raw-node-http.md.
    if (gateway.matches(request.method ?? '', request.url ?? '')) gateway.handle(request, response);
    else void handle(request, response);
  }, limits);

  return {
    app,
    gateway,
    madeOperatorToken: operatorToken.made,
    listen: async () => {
      const listening = await server.listen(config.HOST, config.PORT).catch(async (error: unknown) => {
        // The token is shown once, by a start that succeeds.
        await operatorToken.forget();
        throw error;
      });
      relay.start();
      return listening;
    },
    close: async () => {
      stopWatchingKeys();
      const stopped = server.stop(limits.drain + settleMs);
      await gateway.drain(limits.drain);
      // What still waits for an agent ends here: its caller is told so, and it is recorded before the store closes.
      await outbound.close();
      await gateway.drain(settleMs);
      await stopped;
      await relay.stop();
      await bus.close();
      await stopWatchingTallies();
      await store.close();
    },
  };
}

/** At the very first start only: a new one opens nothing of what is there. */
async function makeMasterKey(config: Config, store: Store): Promise<Uint8Array> {
  await requireNoKeys(store);
  return loadMasterKey(config);
}
