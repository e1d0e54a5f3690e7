import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt, exportJWK } from 'jose';
import { sha256 } from '../../src/kernel/digest.ts';
import { usageEvent } from '../../src/kit/usage-event.ts';
import { openLine, say } from '../support/a2a.ts';
import { scriptedAgent } from '../support/agent.ts';
import { runBroker, type RunningBroker } from '../support/broker-in-process.ts';
import { call, cardFor, type Market, type MarketTenant, openMarket } from '../support/market.ts';
import type { Party } from '../support/party.ts';

/** A broker with a provider, an agent, a tenant and one call that was paid for; and files such as people give to commands. */
export interface Story {
  readonly broker: RunningBroker;
  readonly market: Market;
  readonly acme: MarketTenant;
  /** Its user, as the provider knows it. */
  readonly sub: string;
  /** Where a card can be fetched. */
  readonly cardUrl: string;
  /** The month in which the call was. */
  readonly month: string;
  /** Writes a file of this content (JSON unless it is a text) and answers its path. */
  readonly file: (name: string, content: unknown) => Promise<string>;
  /** A party's private key in a file. */
  readonly keyFile: (party: Party) => Promise<string>;
  /** An event about the call, as the provider reports it. */
  readonly reported: (id: string, quantities: Readonly<Record<string, string>>) => unknown;
  readonly close: () => Promise<void>;
}

export async function openStory(): Promise<Story> {
  const directory = await mkdtemp(join(tmpdir(), 'broker-cli-'));
  const agent = await scriptedAgent();
  const broker = await runBroker();
  const market = await openMarket(broker, agent.url);
  const prices = [{ meter: 'calls', model: 'per_unit', unitAmount: '0.02' }];
  await call(broker, 'POST', '/v1/plans', { key: 'flights', currency: 'EUR', prices });
  const acme = await market.addTenant('acme', { plan: 'flights' });
  const line = await openLine(market, acme);
  await line.call('SendMessage', say('hello'));
  const received = decodeJwt((agent.calls.at(-1)?.headers.authorization ?? '').replace('Bearer ', ''));
  const cards = createServer((_, response) => {
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify(cardFor('http://127.0.0.1:9/trains')));
  });
  await new Promise<void>((resolve) => cards.listen(0, '127.0.0.1', resolve));
  const calledAt = Date.now();
  let files = 0;

  async function file(name: string, content: unknown): Promise<string> {
    const path = join(directory, `${++files}-${name}`);
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  }

  return {
    broker,
    market,
    sub: String(received.sub),
    acme,
    cardUrl: `http://127.0.0.1:${(cards.address() as AddressInfo).port}/agent-card.json`,
    month: new Date(calledAt).toISOString().slice(0, 7),
    file,
    keyFile: async (party) =>
      file('key.jwk', { ...(await exportJWK(party.privateKey)), kid: party.jwks.keys[0]?.kid }),
    reported: (id, quantities) =>
      usageEvent(
        {
          context: {
            tenant: 'acme',
            txn: String(received['txn']),
            delegationId: sha256(String(received.jti)),
          },
          agent: market.agent,
          quantities,
        },
        { broker: market.url, provider: market.provider, id, now: calledAt },
      ),
    close: async () => {
      await new Promise((resolve) => cards.close(resolve));
      await broker.close();
      await agent.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
