/**
 * CloudEvents 1.0.2, core (spec.md), from outside: what `POST /v1/usage/events` takes for an event. The document has no numbers, so
 * tests name its headings. The formats are in cloudevents-json.test.ts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../support/market.ts';
import { batched, openUsageEndpoint, structured, type UsageEndpoint } from './usage-endpoint.ts';

let endpoint: UsageEndpoint;
beforeAll(async () => {
  endpoint = await openUsageEndpoint();
});
afterAll(() => endpoint.close());

describe('core, REQUIRED Attributes', () => {
  it('an event with all of them is taken', async () => {
    expect(await endpoint.told({})).toBe('200 accepted');
  });

  it.each(['id', 'source', 'specversion', 'type'])('%s must be there, and not be empty', async (name) => {
    for (const value of [undefined, null, '', 1, {}])
      expect(await endpoint.told({ [name]: value })).toBe('422 invalid_event');
  });

  it.each(['0.3', '1', '1.0.2', '2.0', ' 1.0'])('specversion %j is not 1.0', async (specversion) => {
    expect(await endpoint.told({ specversion })).toBe('422 invalid_event');
  });

  it('a type of event that is not known here is refused', async () => {
    expect(await endpoint.told({ type: 'com.example.someevent' })).toBe('422 invalid_event');
    expect(await endpoint.told({ type: 'A2A.broker.usage.reported.v1' })).toBe('422 invalid_event');
  });

  it('a source is compared as it is, and is the sender’s own', async () => {
    const own = String(endpoint.event()['source']);
    for (const source of ['/mycontext', `${own}/`, own.toUpperCase(), own.replace('skyways', 'cloudly')])
      expect(await endpoint.told({ source })).toBe('422 source_not_yours');
  });

  it('source and id name one event: told again it is a duplicate, another one is not taken', async () => {
    const before = await endpoint.searches();
    const once = endpoint.event();
    expect((await endpoint.post(once)).results).toEqual([{ id: once['id'], status: 'accepted' }]);
    expect(await endpoint.post(once)).toMatchObject({ status: 200, results: [{ status: 'duplicate' }] });
    const other = { ...once, data: { quantities: { searches: '9' } } };
    expect(await endpoint.post(other)).toMatchObject({ status: 409, results: [{ reason: 'conflict' }] });
    expect(await endpoint.searches()).toBe(before + 1);
  });
});

describe('core, OPTIONAL Attributes', () => {
  it.each(['datacontenttype', 'dataschema', 'subject'])('%s may be absent', async (name) => {
    expect(await endpoint.told({ [name]: undefined })).toBe('200 accepted');
  });

  it('time says when it happened; usage without is refused', async () => {
    expect(await endpoint.told({ time: undefined })).toBe('422 invalid_event');
  });

  it('time is RFC 3339, with any offset and precision', async () => {
    const now = new Date().toISOString().slice(0, 19);
    const east = new Date(Date.now() + 2 * 3_600_000).toISOString().slice(0, 19);
    for (const time of [
      `${now}Z`,
      `${now}.5Z`,
      `${now}.123456789Z`,
      `${now}+00:00`,
      `${now}-00:00`,
      `${east}+02:00`,
    ])
      expect(`${time} ${await endpoint.told({ time })}`).toBe(`${time} 200 accepted`);
    expect(await endpoint.told({ time: `${now}Z`.toLowerCase() })).toBe('200 accepted');
    for (const time of ['', 'now', now, now.slice(0, 10), `${now} Z`, '2026-02-30T00:00:00Z', Date.now()])
      expect(`${time} ${await endpoint.told({ time })}`).toBe(`${time} 422 invalid_event`);
  });

  it.each([
    ['35 days ago', -35 * 86_400_000 + 60_000, '422 delegation_mismatch'],
    ['36 days ago', -36 * 86_400_000, '422 time_out_of_range'],
    ['4 minutes ahead', 4 * 60_000, '200 accepted'],
    ['6 minutes ahead', 6 * 60_000, '422 time_out_of_range'],
  ])('time: %s', async (_, offset, answer) => {
    expect(await endpoint.told({ time: new Date(Date.now() + offset).toISOString() })).toBe(answer);
  });

  it('datacontenttype is a media type of JSON, in any case and with parameters', async () => {
    for (const datacontenttype of [
      'application/json',
      'Application/JSON',
      'text/json',
      'application/json; charset=UTF-8',
      'application/vnd.example.usage+json',
    ])
      expect(`${datacontenttype} ${await endpoint.told({ datacontenttype })}`).toBe(
        `${datacontenttype} 200 accepted`,
      );
    for (const datacontenttype of [
      '',
      'json',
      'application/xml',
      'application/jsonx',
      'application/json-seq',
    ])
      expect(`${datacontenttype} ${await endpoint.told({ datacontenttype })}`).toBe(
        `${datacontenttype} 422 invalid_event`,
      );
  });

  it('dataschema is a URI', async () => {
    expect(await endpoint.told({ dataschema: 'https://broker.example.com/usage-v1.json' })).toBe(
      '200 accepted',
    );
    for (const dataschema of ['', '/usage.json', 'not a uri'])
      expect(await endpoint.told({ dataschema })).toBe('422 invalid_event');
  });

  it('subject is not empty, and says what the event says', async () => {
    expect(await endpoint.told({ subject: '' })).toBe('422 invalid_event');
    expect(await endpoint.told({ subject: `globex/${endpoint.market.agent}` })).toBe('422 subject_mismatch');
  });
});

describe('core, Attribute Naming Convention', () => {
  it.each(['traceId', 'trace_id', 'trace-id', 'trace.id', 'größe', '', ' ', '__proto__'])(
    '%j is no name of an attribute',
    async (name) => {
      const text = JSON.stringify(endpoint.event()).replace('{', `{${JSON.stringify(name)}:"x",`);
      expect(await endpoint.told(text)).toBe('422 invalid_event');
    },
  );

  it.each(['a', '0', 'sequence', 'constructor', 'x'.repeat(21)])('%j is one', async (name) => {
    expect(await endpoint.told({ [name]: 'x' })).toBe('200 accepted');
  });
});

describe('core, Type System', () => {
  it.each([
    ['a Boolean', true],
    ['an Integer', -5],
    ['the largest Integer', 2_147_483_647],
    ['the smallest Integer', -2_147_483_648],
    ['a String', 'Zürich 🛫'],
    ['an empty String', ''],
  ])('an extension may be %s', async (_, value) => {
    expect(await endpoint.told({ comexampleextension1: value })).toBe('200 accepted');
  });

  it.each([
    ['a fraction', 1.5],
    ['a larger Integer', 2_147_483_648],
    ['a smaller Integer', -2_147_483_649],
    ['an object', { a: 1 }],
    ['a list', ['a']],
  ])('an extension may not be %s', async (_, value) => {
    expect(await endpoint.told({ comexampleextension1: value })).toBe('422 invalid_event');
  });

  it.each([
    ['a line feed', '\\n'],
    ['NUL', '\\u0000'],
    ['DEL', '\\u007f'],
    ['a C1 control', '\\u0085'],
    ['a noncharacter', '\\ufdd0'],
    ['the last code point of a plane', '\\ud83f\\udfff'],
    ['half of a surrogate pair', '\\ud800'],
    ['the other half', '\\udead'],
  ])('a String has not %s', async (_, escaped) => {
    for (const name of ['id', 'correlationid', 'comexampleextension1']) {
      const text = JSON.stringify(endpoint.event({ [name]: 'x-y' })).replace('"x-y"', `"x${escaped}y"`);
      expect(await endpoint.told(text)).toBe('422 invalid_event');
    }
  });

  it('a String has a surrogate pair', async () => {
    const text = JSON.stringify(endpoint.event({ correlationid: 'x-y' })).replace(
      '"x-y"',
      '"x\\ud83d\\ude80y"',
    );
    expect(await endpoint.told(text)).toBe('200 accepted');
  });
});

describe('core, Extension Context Attributes', () => {
  it('those of usage are checked', async () => {
    for (const [change, answer] of [
      [{ delegationid: undefined }, 'invalid_event'],
      [{ delegationid: 'short' }, 'invalid_event'],
      [{ delegationid: 'A'.repeat(43) }, 'delegation_mismatch'],
      [{ delegationroot: 'A'.repeat(43) }, 'delegation_mismatch'],
      [{ delegationroot: 'short' }, 'invalid_event'],
      [{ delegationdepth: 2 }, 'delegation_mismatch'],
      [{ delegationdepth: '1' }, 'invalid_event'],
      [{ delegationdepth: 0 }, 'invalid_event'],
      [{ tenantid: 'globex', subject: undefined }, 'delegation_mismatch'],
      [{ agentid: 'skyways/hotels', subject: undefined }, 'delegation_mismatch'],
      [{ providerid: 'cloudly' }, 'source_not_yours'],
      [{ tenantid: undefined }, 'invalid_event'],
    ] as const)
      expect(`${JSON.stringify(change)} ${await endpoint.told(change)}`).toBe(
        `${JSON.stringify(change)} 422 ${answer}`,
      );
    const whole = {
      callid: 'call-1',
      correlationid: 'corr-1',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: 'congo=t61rcWkgMzE',
      delegationroot: endpoint.delegation,
      delegationdepth: 1,
    };
    expect(await endpoint.told(whole)).toBe('200 accepted');
  });

  it('unknown ones are taken, and change nothing of what is said', async () => {
    const plain = endpoint.event();
    expect((await endpoint.post(plain)).results).toMatchObject([{ status: 'accepted' }]);
    const onItsWay = {
      ...plain,
      partitionkey: 'p1',
      sequence: '42',
      sampledrate: 30,
      knativearrivaltime: 'now',
    };
    expect((await endpoint.post(onItsWay)).results).toMatchObject([{ status: 'duplicate' }]);
  });
});

describe('core, Size Limits', () => {
  it('an event of 64 KiB is taken', async () => {
    const change = { padding: 'x'.repeat(63_000) };
    expect(Buffer.byteLength(JSON.stringify(endpoint.event(change)))).toBeGreaterThan(63_000);
    expect(await endpoint.told(change)).toBe('200 accepted');
  });
});

it('the documented schema takes what the endpoint takes', async () => {
  const document = await call<{
    paths: Record<string, { post: { requestBody: { content: Record<string, unknown> } } }>;
    components: { schemas: Record<string, { required?: readonly string[]; properties?: object }> };
  }>(endpoint.market, 'GET', '/openapi.json');
  expect(Object.keys(document.paths['/v1/usage/events']?.post.requestBody.content ?? {})).toEqual([
    structured,
    batched,
  ]);
  const schema = document.components.schemas['UsageEvent'];
  expect(schema?.required?.toSorted()).toEqual([
    'agentid',
    'data',
    'delegationid',
    'id',
    'providerid',
    'source',
    'specversion',
    'tenantid',
    'time',
    'type',
  ]);
  expect(Object.keys(schema?.properties ?? {})).toEqual(
    expect.arrayContaining(Object.keys(endpoint.event())),
  );
});
