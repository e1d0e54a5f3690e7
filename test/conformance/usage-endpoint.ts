import { createHash, randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { decodeJwt } from 'jose';
import { runBroker } from '../support/broker-in-process.ts';
import { call, openMarket } from '../support/market.ts';

export const structured = 'application/cloudevents+json';
export const batched = 'application/cloudevents-batch+json';

type Members = Readonly<Record<string, unknown>>;

interface Result {
  readonly id?: string;
  readonly status: string;
  readonly reason?: string;
}

/** A broker on loopback, and a provider that reports usage of one call to it. */
export async function openUsageEndpoint() {
  const running = await runBroker();
  const market = await openMarket(running, 'http://127.0.0.1:9/jsonrpc');
  await call(market, 'POST', '/v1/meters', { key: 'searches', aggregation: 'sum', unit: 'searches' });
  const jti = String(decodeJwt(await market.callToken(await market.addTenant('acme'))).jti);
  const delegation = createHash('sha256').update(jti).digest('base64url');
  const token = await market.providerToken();
  const url = `${market.url}/v1/usage/events`;

  /** A good event, but for what the test changes; `undefined` takes a member away. */
  const event = (change: Members = {}): Record<string, unknown> => ({
    specversion: '1.0',
    id: randomUUID(),
    source: `urn:${new URL(market.url).host}:provider:${market.provider}`,
    type: 'a2a.broker.usage.reported.v1',
    subject: `acme/${market.agent}`,
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    tenantid: 'acme',
    providerid: market.provider,
    agentid: market.agent,
    delegationid: delegation,
    data: { quantities: { searches: '1' } },
    ...change,
  });

  async function post(body: unknown, contentType: string = structured, headers: Record<string, string> = {}) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': contentType, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const answer = (await response.json()) as {
      readonly results?: readonly Result[];
      readonly code?: string;
    };
    return { status: response.status, code: answer.code, results: answer.results ?? [] };
  }

  return {
    market,
    delegation,
    event,
    post,
    close: () => running.close(),

    /** `200 accepted`, `422 invalid_event` … of one event in structured mode. */
    told: async (change: Members | string): Promise<string> => {
      const { status, code, results } = await post(typeof change === 'string' ? change : event(change));
      return [status, code ?? results[0]?.reason ?? results[0]?.status].join(' ');
    },

    /** The status of a batch that is sent on a connection of its own: a refusal may end it before all is sent. */
    statusOf: (body: string, announced: boolean): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const length = announced
          ? { 'content-length': Buffer.byteLength(body) }
          : { 'transfer-encoding': 'chunked' };
        const request = httpRequest(url, {
          method: 'POST',
          agent: false,
          headers: { authorization: `Bearer ${token}`, 'content-type': batched, ...length },
        });
        request.on('response', (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        request.on('error', reject);
        request.end(body);
      }),

    /** How many searches are in the ledger. */
    searches: async (): Promise<number> => {
      const { items } = await call<{ items: readonly { quantity: string }[] }>(
        market,
        'GET',
        '/v1/usage?meter=searches',
      );
      return Number(items[0]?.quantity ?? 0);
    },
  };
}

export type UsageEndpoint = Awaited<ReturnType<typeof openUsageEndpoint>>;
