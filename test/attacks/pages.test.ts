import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, cardFor, type Operator } from '../support/market.ts';
import { addCompany, addProgram, openStage, type Stage } from './stage.ts';
import { managementToken } from './token-endpoint.ts';

let stage: Stage;
let skyways: Operator;
const drafts = ['aaa-secret', 'mmm-secret', 'zzz-secret'];

beforeAll(async () => {
  stage = await openStage();
  await addCompany(stage, 'lodging/hotels');
  for (const id of drafts)
    await call(stage, 'POST', '/v1/providers/lodging/agents', {
      id,
      card: cardFor(`https://${id}.lodging.example/rpc`),
    });
  const program = await addProgram(stage, {
    id: 'skyways-reader',
    owner: 'provider:skyways',
    scopes: ['registry:read', 'audit:read', 'usage:read', 'billing:read', 'trust:read'],
  });
  skyways = { url: stage.url, token: await managementToken(stage, program) };
});
afterAll(() => stage.close());

interface Listed {
  readonly items: readonly { readonly id: string }[];
  readonly nextCursor?: string;
}

async function walk(operator: Operator, path: string): Promise<readonly Listed[]> {
  const pages: Listed[] = [];
  let cursor: string | undefined;
  do {
    const page: Listed = await call(
      operator,
      'GET',
      cursor === undefined ? path : `${path}&cursor=${cursor}`,
    );
    pages.push(page);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return pages;
}

describe('pages of a search, to somebody who may not see all agents', () => {
  it('are filled: how short they are does not tell how many are hidden', async () => {
    for (const path of ['/v1/agents?limit=1', '/v1/agents?limit=1&provider=lodging']) {
      const pages = await walk(skyways, path);
      expect(pages.slice(0, -1).every(({ items }) => items.length === 1)).toBe(true);
      expect(pages.flatMap(({ items }) => items.map(({ id }) => id))).toContain('lodging/hotels');
    }
  });

  it('do not name the hidden ones in their cursors', async () => {
    for (const { nextCursor } of await walk(skyways, '/v1/agents?limit=1')) {
      const plain = Buffer.from(nextCursor ?? '', 'base64url').toString('latin1');
      expect(drafts.some((draft) => plain.includes(draft))).toBe(false);
    }
  });
});

describe('a cursor', () => {
  async function refusal(path: string): Promise<string> {
    const response = await fetch(`${stage.url}${path}`, {
      headers: { authorization: `Bearer ${skyways.token}` },
    });
    const { code } = (await response.json()) as { code?: string };
    return `${response.status} ${code}`;
  }

  it.each([
    ['/v1/agents?', '/v1/agents?provider=lodging&'],
    ['/v1/agents?', '/v1/audit?'],
    ['/v1/audit?', '/v1/agents?'],
  ])('of %s does not work at %s', async (given, used) => {
    const { nextCursor } = await call<Listed>(stage, 'GET', `${given}limit=1`);
    expect(await refusal(`${used}cursor=${nextCursor}`)).toBe('400 invalid_request');
  });

  it('of the operator’s list does not work in a party’s, where it would skip to a moment of others', async () => {
    const { nextCursor } = await call<Listed>(stage, 'GET', '/v1/audit?limit=1');
    expect(await refusal(`/v1/audit?cursor=${nextCursor}`)).toBe('400 invalid_request');
  });

  it.each(['lodging/', 'lodging/aaa', 'aud_0', '\0', ''])('made by hand of %j is refused', async (sort) => {
    const made = Buffer.from(sort).toString('base64url');
    for (const path of ['/v1/agents', '/v1/audit', '/v1/agreements'])
      expect(await refusal(`${path}?cursor=${made}`)).toBe('400 invalid_request');
  });
});
