import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exampleOf } from '../../support/openapi.ts';
import { type Bad, malformed, mistyped } from './bad-bodies.ts';
import { documentedOperations, records, refusalsOf, send } from './refusals.ts';
import { type Furnished, furnish } from './furnished.ts';

const operations = await documentedOperations();
const managed = operations.filter(({ path }) => path.startsWith('/v1/'));

let world: Furnished;
beforeAll(async () => {
  world = await furnish();
});
afterAll(() => world.close());

describe('a body that is not what the operation wants is refused, and leaves nothing behind', () => {
  it.each(managed.filter(({ bodies }) => 'application/json' in bodies))(
    '$name',
    async (operation) => {
      const schema = operation.bodies['application/json'] ?? {};
      const example = JSON.stringify(exampleOf(schema));
      const refused = await refusalsOf(world, operation, [
        ...malformed('application/json', example),
        ...mistyped(schema, 'application/json'),
        ...(operation.isBodyRequired ? [{ what: 'no body', type: 'application/json', body: '' }] : []),
      ]);
      expect(refused).toEqual({ strange: [], kept: true });
    },
    30_000,
  );

  it.each(managed.filter(({ method, bodies }) => method !== 'GET' && Object.keys(bodies).length === 0))(
    '$name, which wants none',
    async (operation) => {
      const isWrong = ({ what }: Bad) => /10 MB|nesting$|content type/.test(what);
      const refused = await refusalsOf(world, operation, malformed('application/json', '{}').filter(isWrong));
      expect(refused).toEqual({ strange: [], kept: true });
    },
  );

  it('POST /v1/usage/events', async () => {
    const operation = operations.find(({ path }) => path === '/v1/usage/events');
    if (operation === undefined) throw new Error('the operation is gone');
    const type = 'application/cloudevents+json';
    const isAboutTheBody = ({ what }: Bad) => !/another type|member/.test(what);
    const refused = await refusalsOf(world, operation, [
      ...malformed(type, '{"specversion":"1.0"}').filter(isAboutTheBody),
      { what: 'one event as a batch', type: 'application/cloudevents-batch+json', body: '{}' },
      {
        what: 'too many events',
        type: 'application/cloudevents-batch+json',
        body: JSON.stringify(Array.from({ length: 1001 }, () => ({}))),
      },
      { what: 'plain JSON', type: 'application/json', body: '{}' },
    ]);
    expect(refused).toEqual({ strange: [], kept: true });
    // What is JSON and no event is answered as an event: each has its own result.
    const before = await records(world);
    for (const value of [
      null,
      true,
      1,
      'text',
      [],
      {},
      { id: 'x', __proto__: null },
      { specversion: '1.0', admin: true },
    ]) {
      const answer = await send(world, operation, { what: 'no event', type, body: JSON.stringify(value) });
      expect([answer.status, JSON.parse(answer.text)]).toMatchObject([
        422,
        { results: [{ status: 'rejected', reason: 'invalid_event' }] },
      ]);
    }
    expect(await records(world)).toBe(before);
  });
});
