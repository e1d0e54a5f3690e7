/**
 * CloudEvents 1.0.2 from outside: “json” is the JSON Event Format, “http” the HTTP Protocol Binding. What an event is, is in
 * cloudevents.test.ts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batched, openUsageEndpoint, structured, type UsageEndpoint } from './usage-endpoint.ts';

let endpoint: UsageEndpoint;
beforeAll(async () => {
  endpoint = await openUsageEndpoint();
});
afterAll(() => endpoint.close());

describe('json §2.2 Type System Mapping', () => {
  it('an attribute that is null is not there', async () => {
    const unset = {
      subject: null,
      dataschema: null,
      datacontenttype: null,
      callid: null,
      unsetextension: null,
    };
    const once = endpoint.event(unset);
    expect((await endpoint.post(once)).results).toMatchObject([{ status: 'accepted' }]);
    const without = Object.fromEntries(Object.entries(once).filter(([, value]) => value !== null));
    expect((await endpoint.post(without)).results).toMatchObject([{ status: 'duplicate' }]);
  });
});

describe('json §3.1 Handling of "data"', () => {
  const data = { quantities: { searches: '2.50' }, dimensions: { model: 'large' } };
  const encoded = Buffer.from(JSON.stringify(data)).toString('base64');

  it('§3.1.1: null is a payload, and none of ours', async () => {
    expect(await endpoint.told({ data: null })).toBe('422 invalid_event');
    expect(await endpoint.told({ data: undefined })).toBe('422 invalid_event');
  });

  it('§3.1.1: data and data_base64 exclude each other', async () => {
    expect(await endpoint.told({ data, data_base64: encoded })).toBe('422 invalid_event');
    expect(await endpoint.told({ data: null, data_base64: encoded })).toBe('422 invalid_event');
  });

  it('§3.1.2: a string is a string, not a document to be parsed', async () => {
    expect(await endpoint.told({ data: JSON.stringify(data) })).toBe('422 invalid_event');
  });

  it('§3.1.2: JSON that comes as bytes says the same', async () => {
    const { data: _, ...once } = endpoint.event({ data });
    expect((await endpoint.post({ ...once, data })).results).toMatchObject([{ status: 'accepted' }]);
    expect((await endpoint.post({ ...once, data_base64: encoded })).results).toMatchObject([
      { status: 'duplicate' },
    ]);
  });

  it.each([
    ['no base64', '{}'],
    ['base64 of no JSON', Buffer.from('quantities').toString('base64')],
    ['base64 of a JSON string', Buffer.from('"x"').toString('base64')],
    ['a number', 5],
    ['base64url', Buffer.from('{"?":"ÿÿÿ>>>"}').toString('base64url')],
  ])('§3.1.2: bytes that are %s are none of ours', async (_, bytes) => {
    expect(await endpoint.told({ data: undefined, data_base64: bytes })).toBe('422 invalid_event');
  });

  it('an event is an object', async () => {
    for (const body of ['"event"', '5', 'null', '[]'])
      expect(await endpoint.told(body)).toBe('422 invalid_event');
    expect(await endpoint.told('{"specversion":"1.0"')).toBe('400 invalid_request');
  });
});

describe('json §4 JSON Batch Format', () => {
  it('§4.1: an answer for each event, in their order, whatever became of the others', async () => {
    const [good, bad, last] = [endpoint.event(), endpoint.event({ id: '' }), endpoint.event()];
    const { status, results } = await endpoint.post([good, bad, 'none', good, last], batched);
    expect(status).toBe(200);
    expect(results.map(({ status: one, reason }) => reason ?? one)).toEqual([
      'accepted',
      'invalid_event',
      'invalid_event',
      'duplicate',
      'accepted',
    ]);
    expect(results.map(({ id }) => id)).toEqual([good['id'], '', undefined, good['id'], last['id']]);
  });

  it('§4.3: a batch may be empty', async () => {
    expect(await endpoint.post([], batched)).toMatchObject({ status: 200, results: [] });
  });

  it('§4.1: a batch is an array', async () => {
    expect(await endpoint.post(endpoint.event(), batched)).toMatchObject({
      status: 400,
      code: 'invalid_request',
    });
  });

  it('§4.2: an array is a batch only by its media type', async () => {
    expect(await endpoint.post([endpoint.event()], structured)).toMatchObject({
      status: 422,
      results: [{ reason: 'invalid_event' }],
    });
  });

  it('takes a thousand events and not one more', async () => {
    const events = Array.from({ length: 1001 }, () =>
      endpoint.event({ subject: undefined, datacontenttype: undefined }),
    );
    const before = await endpoint.searches();
    expect(await endpoint.post(events, batched)).toMatchObject({ status: 413, code: 'payload_too_large' });
    expect(await endpoint.searches()).toBe(before);
    const { status, results } = await endpoint.post(events.slice(1), batched);
    expect(status).toBe(200);
    expect(new Set(results.map((result) => result.status))).toEqual(new Set(['accepted']));
    expect(await endpoint.searches()).toBe(before + 1000);
  });

  it('takes no more than a mebibyte, announced or not', async () => {
    const large = JSON.stringify([endpoint.event({ padding: 'x'.repeat(1024 * 1024) })]);
    expect([await endpoint.statusOf(large, true), await endpoint.statusOf(large, false)]).toEqual([413, 413]);
  });
});

describe('http §3 Content modes', () => {
  it.each([
    structured,
    'Application/CloudEvents+JSON',
    `${structured}; charset=UTF-8`,
    `${structured};charset="utf-8"`,
  ])('§3.2.1: %s is structured', async (type) => {
    expect((await endpoint.post(endpoint.event(), type)).results).toMatchObject([{ status: 'accepted' }]);
  });

  it.each([batched, 'APPLICATION/CLOUDEVENTS-BATCH+JSON', `${batched}; charset=utf-8`])(
    '§3.3.1: %s is a batch',
    async (type) => {
      expect((await endpoint.post([endpoint.event()], type)).results).toMatchObject([{ status: 'accepted' }]);
    },
  );

  it.each([
    ['another event format', 'application/cloudevents+avro'],
    ['no event format', 'application/cloudevents'],
    ['another batch format', 'application/cloudevents-batch+protobuf'],
    ['what only begins the same', 'application/cloudevents+jsonx'],
    ['another charset', `${structured}; charset=iso-8859-1`],
    ['the binary mode, which is not taken', 'application/json'],
    ['text', 'text/plain'],
  ])('%s is refused: %s', async (_, type) => {
    expect(await endpoint.post(endpoint.event(), type)).toMatchObject({
      status: 415,
      code: 'unsupported_media_type',
    });
  });

  it('§3.3.2: an event of another specversion does not spoil the batch', async () => {
    const { results } = await endpoint.post(
      [endpoint.event({ specversion: '0.3' }), endpoint.event()],
      batched,
    );
    expect(results.map(({ status, reason }) => reason ?? status)).toEqual(['invalid_event', 'accepted']);
  });

  it('§3.2.3: headers say nothing; the payload does', async () => {
    const headers = { 'ce-id': 'other', 'ce-type': 'x' };
    const answer = await endpoint.post(endpoint.event({ id: 'in-the-payload' }), structured, headers);
    expect(answer.results).toEqual([{ id: 'in-the-payload', status: 'accepted' }]);
  });
});
