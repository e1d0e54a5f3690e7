import { PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBrokerClient, createUsageQueueHandler } from '../../src/kit/index.ts';
import { type UsageEventOf, usageOf } from '../events/usage-event.ts';
import { type RunningBroker, runBroker } from '../support/broker-in-process.ts';
import { call, type Market, openMarket } from '../support/market.ts';
import { addRule, createBus, createQueue, eventBridge } from './aws.ts';

let broker: RunningBroker;
let market: Market;
let usage: UsageEventOf;
beforeAll(async () => {
  broker = await runBroker();
  market = await openMarket(broker, 'http://127.0.0.1:9/jsonrpc');
  await call(broker, 'POST', '/v1/meters', { key: 'tokens', aggregation: 'sum', unit: 'tokens' });
  usage = await usageOf(market, await market.addTenant('acme'));
});
afterAll(() => broker.close());

interface Transformer {
  readonly InputPathsMap: Record<string, string>;
  readonly InputTemplate: string;
}

/** A provider's own bus, and what a rule on it brings to a target. */
async function throughBus(event: object, transformer?: Transformer): Promise<string> {
  const bus = `skyways-${randomUUID()}`;
  await createBus(bus);
  const queue = await createQueue(`${bus}-target`);
  const pattern = { 'detail-type': ['usage'] };
  await addRule({ bus, pattern, queue, ...(transformer === undefined ? {} : { transformer }) });
  await eventBridge.send(
    new PutEventsCommand({
      Entries: [{ EventBusName: bus, Source: 'skyways', DetailType: 'usage', Detail: JSON.stringify(event) }],
    }),
  );
  const [body = ''] = await queue.receive(1);
  return body;
}

/** The simulator reads a `time` in what goes to a queue as its own event's, so the queue gets it wrapped. */
async function transformed(event: object, { InputTemplate, ...rest }: Transformer): Promise<string> {
  const body = await throughBus(event, { ...rest, InputTemplate: `{"wrapped":${InputTemplate}}` });
  return JSON.stringify((JSON.parse(body) as { readonly wrapped: unknown }).wrapped);
}

describe('usage on its way through a provider’s bus', () => {
  it('is what the queue handler of the kit takes', async () => {
    const body = await throughBus(usage('queued'));
    const handler = createUsageQueueHandler({
      client: createBrokerClient({
        broker: broker.url,
        clientId: market.providerClientId,
        privateKey: market.providerClient.privateKey,
        ...(market.providerClient.jwks.keys[0]?.kid === undefined
          ? {}
          : { keyId: market.providerClient.jwks.keys[0].kid }),
      }),
    });
    expect(await handler({ Records: [{ messageId: 'm1', body }] })).toEqual({ batchItemFailures: [] });
  });

  it.each([
    [
      'the detail as it is',
      { InputPathsMap: { detail: '$.detail' }, InputTemplate: '<detail>' },
      (event: object) => event,
    ],
    [
      'a CloudEvent made of the provider’s own fields',
      {
        InputPathsMap: {
          id: '$.detail.call',
          time: '$.detail.at',
          tenant: '$.detail.tenant',
          delegation: '$.detail.delegation',
          tokens: '$.detail.tokens',
          source: '$.detail.source',
        },
        InputTemplate: [
          '{"specversion":"1.0","type":"a2a.broker.usage.reported.v1","id":"<id>","source":"<source>","time":"<time>",',
          '"tenantid":"<tenant>","providerid":"skyways","agentid":"skyways/flights","delegationid":"<delegation>",',
          '"data":{"quantities":{"tokens":"<tokens>"}}}',
        ].join(''),
      },
      (event: Record<string, unknown>) => ({
        call: event['id'],
        at: event['time'],
        tenant: event['tenantid'],
        delegation: event['delegationid'],
        source: event['source'],
        tokens: 7,
      }),
    ],
  ])('is what the ingest accepts from an input transformer that gives %s', async (_, transformer, told) => {
    const body = await transformed(told(usage(randomUUID())), transformer);
    const response = await fetch(`${broker.url}/v1/usage/events`, {
      method: 'POST',
      headers: {
        'content-type': 'application/cloudevents+json',
        authorization: `Bearer ${await market.providerToken()}`,
      },
      body,
    });
    const answer = (await response.json()) as { results: readonly { status: string }[] };
    expect([response.status, answer.results.map(({ status }) => status)]).toEqual([200, ['accepted']]);
  });
});
