import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Audit, createAudit } from '../../src/audit/index.ts';
import { createEvents } from '../../src/events/write-event.ts';
import { systemIds } from '../../src/kernel/ids.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import type { Principal } from '../../src/kernel/principal.ts';
import { createOutbound } from '../../src/outbound/index.ts';
import type { Outbound } from '../../src/outbound/port.ts';
import { type CardSigner, createRegistry, type Registry } from '../../src/registry/index.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { type TestClock, testClock } from '../support/clock.ts';
import type { TestEngine } from '../support/stores.ts';
import { type WatchedStore, watchStore } from '../tenancy/watched-store.ts';
import { flightsCard } from './cards.ts';

export const brokerUrl = 'https://broker.example';
export const operator: Principal = { kind: 'operator' };
export const by = { by: operator };

/** Signs with a key of its own, and counts. */
export function testSigner() {
  const make = (keyId: string) => ({ keyId, ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) });
  let key = make('card-key-1');
  let signed = 0;
  const signer: CardSigner = {
    get keyId() {
      return key.keyId;
    },
    sign: (payload) => {
      signed++;
      const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid: key.keyId, typ: 'JOSE' }));
      const input = `${header.toString('base64url')}.${Buffer.from(payload).toString('base64url')}`;
      const options = { key: key.privateKey, dsaEncoding: 'ieee-p1363' } as const;
      const signature = sign('sha256', Buffer.from(input), options).toString('base64url');
      return Promise.resolve({ protected: header.toString('base64url'), signature });
    },
  };
  return {
    signer,
    count: () => signed,
    publicKey: (): KeyObject => key.publicKey,
    /** A new key under a new id. */
    rotate: () => void (key = make('card-key-2')),
  };
}

export interface RegistryWorld {
  readonly registry: Registry;
  readonly audit: Audit;
  readonly clock: TestClock;
  readonly store: WatchedStore;
  readonly keys: ReturnType<typeof testSigner>;
  /** An admitted provider `skyways` with the agent `skyways/flights`, a draft unless published. */
  readonly flights: (options?: { publish?: boolean; card?: JsonObject }) => Promise<void>;
  /** Serves on loopback until the world ends; resolves with its base URL. */
  readonly serve: (listener: RequestListener) => Promise<string>;
  dispose(): Promise<void>;
}

export async function openRegistry(
  engine: TestEngine,
  outbound?: Pick<Outbound, 'fetch'>,
): Promise<RegistryWorld> {
  const clock = testClock();
  const opened = await engine.open(clock);
  const store = watchStore(opened.store);
  const audit = createAudit({ store, clock, ids: systemIds });
  const keys = testSigner();
  const real = createOutbound({ log: createLog({ level: 'silent' }), allowPrivateNetwork: true });
  const servers: ReturnType<typeof createServer>[] = [];
  const registry = createRegistry({
    store,
    clock,
    ids: systemIds,
    audit,
    events: createEvents({ store, clock, ids: systemIds, brokerUrl }),
    outbound: outbound ?? real,
    brokerUrl,
    cardSigner: keys.signer,
  });
  return {
    registry,
    audit,
    clock,
    store,
    keys,
    flights: async ({ publish = false, card = flightsCard() } = {}) => {
      await registry.admitProvider({ id: 'skyways', name: 'Skyways' }, operator);
      await registry.registerAgent('skyways', { id: 'flights', card: JSON.stringify(card) }, operator);
      if (publish) await registry.moveAgent('skyways/flights', 'publish', undefined, by);
    },
    serve: async (listener) => {
      const server = createServer(listener);
      servers.push(server);
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    dispose: async () => {
      await real.close();
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
      await opened.dispose();
    },
  };
}
