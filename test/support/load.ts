import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { eventsOf, openLine, readAnswer, say } from './a2a.ts';
import { type AgentCall, answer, openStream, sendEvent, task } from './agent.ts';
import type { Market, MarketTenant } from './market.ts';
import { clientAssertion } from './party.ts';
import { delegationOf, postUsage, usageEvent } from './usage.ts';

/** What a caller has seen with its own eyes, and may rely on whatever happens to the broker. */
export interface Acknowledged {
  readonly tokens: { readonly tenant: MarketTenant; readonly delegation: string; readonly form: string }[];
  readonly calls: {
    readonly tenant: MarketTenant;
    /** Of the one token with which the call was made. */
    readonly delegation: string;
    readonly task: string;
    readonly isStream: boolean;
    /** Whether it was seen to its end. */
    readonly isWhole: boolean;
  }[];
  readonly events: Record<string, unknown>[];
  /** Answers that were neither success nor silence. */
  readonly surprises: string[];
  /** Answers that began and did not end. */
  readonly cutOff: string[];
}

export interface Load {
  readonly acknowledged: Acknowledged;
  /** Works until `stop`, whatever becomes of the broker. */
  start(): void;
  /** Resolves when every worker has seen the end of what it had begun. */
  stop(): Promise<void>;
}

/** Answers each call with a task of its own; streams tell it in three events. */
export function agentUnderLoad(call: AgentCall): void {
  const { id: told } = call.rpc.params;
  if (call.rpc.method === 'GetTask') {
    answer(call, task(String(told), 'TASK_STATE_COMPLETED'));
    return;
  }
  const id = `task-${randomUUID()}`;
  if (call.rpc.method === 'SendMessage') {
    answer(call, { task: task(id, 'TASK_STATE_COMPLETED') });
    return;
  }
  openStream(call);
  sendEvent(call, { task: task(id) });
  setTimeout(() => {
    sendEvent(call, {
      statusUpdate: { taskId: id, contextId: `ctx-${id}`, status: { state: 'TASK_STATE_WORKING' } },
    });
    sendEvent(call, {
      statusUpdate: { taskId: id, contextId: `ctx-${id}`, status: { state: 'TASK_STATE_COMPLETED' } },
    });
    call.response.end();
  }, 5);
}

export function createLoad(market: Market, tenants: readonly MarketTenant[], meter: string): Load {
  const acknowledged: Acknowledged = { tokens: [], calls: [], events: [], surprises: [], cutOff: [] };
  let ending = new AbortController();
  let workers: Promise<void>[] = [];
  let turn = 0;
  const nextTenant = (): MarketTenant => {
    const tenant = tenants[turn++ % tenants.length];
    if (tenant === undefined) throw new Error('there are no tenants');
    return tenant;
  };

  async function exchange(tenant: MarketTenant): Promise<string> {
    const form = new URLSearchParams({
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await clientAssertion(tenant.client, tenant.clientId, market.url),
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: await tenant.idToken(),
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      audience: market.agent,
    });
    const response = await fetch(`${market.url}/oauth/token`, { method: 'POST', body: form });
    const body = (await response.json()) as { access_token?: string };
    if (body.access_token === undefined)
      throw surprise(`exchange: ${response.status} ${JSON.stringify(body)}`);
    acknowledged.tokens.push({ tenant, delegation: delegationOf(body.access_token), form: form.toString() });
    return body.access_token;
  }

  async function callOnce(): Promise<void> {
    const tenant = nextTenant();
    const token = await exchange(tenant);
    const line = await openLine(market, tenant, token);
    const response = await line.open('SendMessage', say('hi'));
    const got = await wholeBody('call', () => readAnswer(response));
    const made = got.body.result?.['task'] as { id: string } | undefined;
    if (made === undefined) throw surprise(`call: ${got.status} ${got.text}`);
    const delegation = delegationOf(token);
    acknowledged.calls.push({ tenant, delegation, task: made.id, isStream: false, isWhole: true });
  }

  async function streamOnce(): Promise<void> {
    const tenant = nextTenant();
    const token = await exchange(tenant);
    const line = await openLine(market, tenant, token);
    let seen: string | undefined;
    let isWhole = false;
    const response = await line.open('SendStreamingMessage', say('go'));
    if (response.headers.get('content-type') !== 'text/event-stream')
      throw surprise(`stream: ${response.status} ${await response.text()}`);
    try {
      let frames = 0;
      await wholeBody('stream', async () => {
        for await (const { event, data } of eventsOf(response)) {
          if (event !== undefined) acknowledged.surprises.push(`stream: ${data}`);
          frames++;
          seen ??= (JSON.parse(data) as { result: { task: { id: string } } }).result.task.id;
        }
      });
      isWhole = frames === 3;
    } finally {
      if (seen !== undefined)
        acknowledged.calls.push({
          tenant,
          delegation: delegationOf(token),
          task: seen,
          isStream: true,
          isWhole,
        });
    }
  }

  async function reportOnce(): Promise<void> {
    const about = acknowledged.tokens.at(-1);
    if (about === undefined) return delay(1);
    const token = await market.providerToken();
    for (let n = 0; n < 10; n++) {
      const { delegation, tenant } = acknowledged.tokens.at(-1) ?? about;
      const events = Array.from({ length: 5 }, () =>
        usageEvent(market, { tenant: tenant.id, delegation, meter, quantity: '2' }),
      );
      const response = await postUsage(market, token, events);
      const text = await wholeBody('usage', () => response.text());
      if (!response.ok) throw surprise(`usage: ${response.status} ${text}`);
      const { results } = JSON.parse(text) as { results: { status: string }[] };
      events.forEach((event, index) => {
        if (results[index]?.status === 'accepted') acknowledged.events.push(event);
        else acknowledged.surprises.push(`usage: ${text}`);
      });
    }
  }

  async function wholeBody<T>(what: string, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      acknowledged.cutOff.push(`${what}: ${String(error)}`);
      throw error;
    }
  }

  function surprise(what: string): Error {
    acknowledged.surprises.push(what);
    return new Error(what);
  }

  async function work(once: () => Promise<unknown>): Promise<void> {
    const { signal } = ending;
    while (!signal.aborted) {
      try {
        await once();
      } catch {
        // The broker is gone; surprises are noted where they happen.
        await delay(50);
      }
    }
  }

  return {
    acknowledged,
    start() {
      ending = new AbortController();
      workers = [
        ...Array.from({ length: 2 }, () => work(() => exchange(nextTenant()))),
        ...Array.from({ length: 4 }, () => work(callOnce)),
        ...Array.from({ length: 3 }, () => work(streamOnce)),
        ...Array.from({ length: 2 }, () => work(reportOnce)),
      ];
    },
    async stop() {
      ending.abort();
      await Promise.all(workers);
    },
  };
}
