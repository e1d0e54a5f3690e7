import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/kernel/digest.ts';
import { openDynamoDbStore } from '../../src/storage/dynamodb/index.ts';
import { recentMs } from '../../src/storage/recent-reads.ts';
import { eventsOf, type Line, openLine, say } from '../support/a2a.ts';
import { answer, openStream, scriptedAgent, type ScriptedAgent, sendEvent, task } from '../support/agent.ts';
import { newProofKey } from '../support/dpop.ts';
import { runBroker, type RunningBroker } from '../support/broker-in-process.ts';
import { documentedUnits } from '../support/cost-limits.ts';
import { dynamoDbEndpoint } from '../support/dynamodb.ts';
import { type Meter, meterClient, type Units } from '../support/dynamodb-meter.ts';
import { newTable, testClient, type TestTable } from '../support/dynamodb-table.ts';
import { call, type Market, type MarketTenant, openMarket } from '../support/market.ts';
import { clientAssertion } from '../support/party.ts';

const times = 10;

// DynamoDB Local counts transactions in a way of its own; given endpoints are not asked.
describe.skipIf(dynamoDbEndpoint === undefined || process.env['DYNAMODB_ENDPOINT'] !== undefined)(
  'what a broker consumes of its table',
  () => {
    const endpoint = dynamoDbEndpoint ?? '';
    let limits: ReadonlyMap<string, Units>;
    let table: TestTable;
    let meter: Meter;
    let agent: ScriptedAgent;
    let broker: RunningBroker;
    let market: Market;
    let acme: MarketTenant;
    let line: Line;
    /** Time stands still while units are counted: what was read in the warm-up is then known throughout. */
    let heldAt: number | undefined;
    let ahead = 0;
    const clock = { now: () => (heldAt ?? Date.now()) + ahead };

    beforeAll(async () => {
      limits = await documentedUnits();
      table = await newTable(endpoint);
      const client = testClient(endpoint);
      meter = meterClient(client);
      agent = await scriptedAgent();
      broker = await runBroker({
        clock,
        store: openDynamoDbStore({ clock, client, table: table.table }),
      });
      market = await openMarket(broker, agent.url);
      await call(market, 'POST', '/v1/meters', { key: 'searches', aggregation: 'sum', unit: 'searches' });
      acme = await market.addTenant('acme');
      // What is done once for a month, a user, a token is not part of what each call costs.
      line = await openLine(market, acme);
      answerWithTasks();
      await line.call('SendMessage', say('warm up'));
    });
    afterAll(async () => {
      await broker.close();
      await agent.close();
      await table.drop();
    });

    const repeat = async (work: () => Promise<unknown>) => {
      for (let time = 0; time < times; time++) await work();
    };
    async function unitsOf(work: () => Promise<unknown>, each = 1): Promise<Units> {
      heldAt = Date.now();
      await work();
      const units = await meter.per(times * each, () => repeat(work));
      heldAt = undefined;
      return units;
    }

    const asDocumented = 'as documented';
    /** Not more than the documentation says, and not so little that it is wrong the other way. */
    function judge(name: string, { read, write }: Units): string {
      const limit = limits.get(name);
      if (limit === undefined) return `docs/dynamodb.md says nothing of: ${name}`;
      const isWithin = write <= limit.write && read <= limit.read && write > limit.write * 0.9 - 0.1;
      return isWithin ? asDocumented : `${write} write units and ${read} read units`;
    }

    let tasks = 0;
    function answerWithTasks(): void {
      agent.on((received) => answer(received, { task: task(`t-${++tasks}`, 'TASK_STATE_COMPLETED') }));
    }

    it('for a token exchange', async () => {
      expect(judge('token exchange', await unitsOf(() => market.callToken(acme)))).toBe(asDocumented);
    });

    it('for a JWT grant', async () => {
      const redeem = async () => {
        const now = Math.floor(Date.now() / 1000);
        const claims = { iss: acme.issuer, sub: 'user-1', aud: market.url, client_id: acme.clientId };
        const response = await fetch(`${market.url}/oauth/token`, {
          method: 'POST',
          body: new URLSearchParams({
            grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
            assertion: await acme.idp.sign(
              { ...claims, jti: randomUUID(), iat: now, exp: now + 300 },
              { typ: 'oauth-id-jag+jwt' },
            ),
            audience: market.agent,
            client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
            client_assertion: await clientAssertion(acme.client, acme.clientId, market.url),
          }),
        });
        expect(response.status).toBe(200);
      };
      expect(judge('assertion that is redeemed (JWT grant)', await unitsOf(redeem))).toBe(asDocumented);
    });

    it('for what nothing was read for lately', async () => {
      const message = () => line.call('SendMessage', say('hi'));
      agent.on((received) =>
        answer(received, { message: { messageId: 'a', role: 'ROLE_AGENT', parts: [] } }),
      );
      for (const [name, work] of [
        ['token exchange, the first in a while', () => market.callToken(acme)],
        ['call that is answered with a message, the first in a while', message],
      ] as const) {
        ahead += recentMs;
        expect(judge(name, await meter.per(1, work))).toBe(asDocumented);
      }
    });

    it('for the first call with a token, more than for the next', async () => {
      agent.on((received) =>
        answer(received, { message: { messageId: 'a', role: 'ROLE_AGENT', parts: [] } }),
      );
      const lines: Line[] = [];
      await repeat(async () => lines.push(await openLine(market, acme)));
      const callAll = async () => {
        for (const one of lines) await one.call('SendMessage', say('hi'));
      };
      heldAt = Date.now();
      await line.call('SendMessage', say('hi'));
      const first = await meter.per(times, callAll);
      const next = await meter.per(times, callAll);
      heldAt = undefined;
      expect(
        judge('first call with a token (in addition)', {
          write: first.write - next.write,
          read: first.read - next.read,
        }),
      ).toBe(asDocumented);
      expect(judge('call that is answered with a message', next)).toBe(asDocumented);
    });

    it('for proofs of possession', async () => {
      agent.on((received) =>
        answer(received, { message: { messageId: 'a', role: 'ROLE_AGENT', parts: [] } }),
      );
      const key = await newProofKey();
      const bound = async () =>
        market.callToken(acme, { DPoP: await key.proof({ url: `${market.url}/oauth/token` }) });
      expect(judge('token exchange with a DPoP proof', await unitsOf(bound))).toBe(asDocumented);
      const token = await bound();
      const url = `${market.url}/a2a/${market.agent}/jsonrpc`;
      const present = async () =>
        line.call('SendMessage', say('hi'), {
          headers: {
            authorization: `DPoP ${token}`,
            dpop: await key.proof({ url, accessToken: token }),
          },
        });
      expect((await present()).body.error).toBeUndefined();
      expect(judge('call with a bound token that is answered with a message', await unitsOf(present))).toBe(
        asDocumented,
      );
    });

    it('for a call that makes and ends a task', async () => {
      answerWithTasks();
      expect(
        judge('call that makes and ends a task', await unitsOf(() => line.call('SendMessage', say('hi')))),
      ).toBe(asDocumented);
    });

    it('for a stream that makes and ends a task', async () => {
      agent.on((received) => {
        openStream(received);
        const taskId = `t-${++tasks}`;
        for (const state of ['TASK_STATE_SUBMITTED', 'TASK_STATE_WORKING', 'TASK_STATE_COMPLETED'])
          sendEvent(received, { statusUpdate: { taskId, contextId: `ctx-${taskId}`, status: { state } } });
        received.response.end();
      });
      const stream = async () => {
        let seen = 0;
        for await (const _ of eventsOf(await line.open('SendStreamingMessage', say('hi')))) seen++;
        expect(seen).toBe(3);
      };
      expect(judge('streamed call that makes and ends a task', await unitsOf(stream))).toBe(asDocumented);
    });

    it.each([
      ['usage event that is reported alone', 1],
      ['usage event in a batch of 100', 100],
    ])('for a %s', async (name, size) => {
      const delegation = sha256(String(decodeJwt(line.token).jti));
      const token = await market.providerToken();
      const event = () => ({
        specversion: '1.0',
        id: randomUUID(),
        source: `urn:${new URL(market.url).host}:provider:${market.provider}`,
        type: 'a2a.broker.usage.reported.v1',
        time: new Date().toISOString(),
        tenantid: acme.id,
        providerid: market.provider,
        agentid: market.agent,
        delegationid: delegation,
        data: { quantities: { searches: '1' } },
      });
      const send = async () => {
        const response = await fetch(`${market.url}/v1/usage/events`, {
          method: 'POST',
          headers: {
            'content-type': 'application/cloudevents-batch+json',
            authorization: `Bearer ${token}`,
          },
          body: JSON.stringify(Array.from({ length: size }, event)),
        });
        expect((await response.text()).match(/"accepted"/g)).toHaveLength(size);
      };
      expect(judge(name, await unitsOf(send, size))).toBe(asDocumented);
    });

    it('while it has nothing to do', async () => {
      const seconds = 3;
      const { read, write } = await meter.background(() => delay(seconds * 1000));
      expect(
        judge('a replica that has nothing to do, each second', {
          read: read / seconds,
          write: write / seconds,
        }),
      ).toBe(asDocumented);
      expect(read).toBeGreaterThan(0);
    });

    it('is all that the documentation speaks of', () => {
      expect(limits.size).toBe(13);
    });
  },
);
