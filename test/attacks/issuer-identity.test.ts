import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, type MarketTenant } from '../support/market.ts';
import { newParty, type Party } from '../support/party.ts';
import { hostileServer, json } from './hostile-server.ts';
import { addProgram, openStage, type Stage } from './stage.ts';
import { exchange, refusal, managementToken } from './token-endpoint.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

/** An ID token as `party` would make it for acme's program, with whatever it claims. */
function token(party: Party, claims: Record<string, unknown>, header = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return party.sign({ sub: 'user-1', aud: 'app', iat: now, exp: now + 300, ...claims }, header);
}

/** Why the token endpoint refuses it as a subject. */
async function reasonOf(subject_token: string, tenant: MarketTenant = stage.acme): Promise<string> {
  const refused = await refusal(stage, () => exchange(stage, tenant, { subject_token }));
  return refused.replace('400 invalid_request ', '');
}

describe('an issuer is compared as text, not as what it may mean', () => {
  it.each([
    ['a slash', 'https://login.acme.example/'],
    ['two slashes', 'https://login.acme.example//'],
    ['a dot segment', 'https://login.acme.example/.'],
    ['capitals in the host', 'https://LOGIN.acme.example'],
    ['capitals in the scheme', 'HTTPS://login.acme.example'],
    ['the default port', 'https://login.acme.example:443'],
    ['another port', 'https://login.acme.example:8443'],
    ['no encryption', 'http://login.acme.example'],
    ['a user', 'https://login.acme.example@evil.example'],
    ['a trailing dot', 'https://login.acme.example.'],
    ['a query', 'https://login.acme.example?'],
    ['a fragment', 'https://login.acme.example#'],
    ['a lookalike letter', 'https://login.аcme.example'],
    ['punycode', 'https://login.xn--cme-7cd.example'],
    ['an escape', 'https://login.acme.exampl%65'],
    ['a space before', ' https://login.acme.example'],
    ['a space behind', 'https://login.acme.example '],
    ['a line end', 'https://login.acme.example\n'],
    ['NUL', 'https://login.acme.example\0'],
    ['no scheme', 'login.acme.example'],
    ['nothing', ''],
    ['10,000 letters', `https://login.acme.example/${'a'.repeat(10_000)}`],
  ])('with %s', async (_, iss) => {
    expect(await reasonOf(await token(stage.acme.idp, { iss }))).toBe('token_issuer_unknown');
  });

  it.each([
    ['a list of it', ['https://login.acme.example']],
    ['an object', { toString: 'https://login.acme.example' }],
    ['a number', 1],
    ['null', null],
    ['none', undefined],
  ])('as %s', async (_, iss) => {
    expect(await reasonOf(await token(stage.acme.idp, { iss }))).toBe('token_issuer_unknown');
  });
});

describe('an issuer speaks for itself alone', () => {
  it('with its own key id', async () => {
    const { acme, globex } = stage;
    expect(await reasonOf(await token(globex.idp, { iss: acme.issuer }))).toBe('token_key_unknown');
  });

  it('with the other’s key id', async () => {
    const { acme, globex } = stage;
    const kid = acme.idp.jwks.keys[0]?.kid ?? '';
    expect(await reasonOf(await token(globex.idp, { iss: acme.issuer }, { kid }))).toBe(
      'token_signature_wrong',
    );
  });

  it('without a key id', async () => {
    const { acme, globex } = stage;
    const unnamed = await token(globex.idp, { iss: acme.issuer }, { kid: undefined as unknown as string });
    expect(await reasonOf(unnamed)).toBe('token_signature_wrong');
  });

  it('with a key set of its own in which a key has the other’s id', async () => {
    const { acme, globex } = stage;
    const kid = acme.idp.jwks.keys[0]?.kid ?? '';
    await call(stage, 'POST', '/v1/tenants/globex/issuers', {
      issuer: 'https://second.globex.example',
      jwks: { keys: [{ ...globex.idp.jwks.keys[0], kid }] },
    });
    expect(await reasonOf(await token(globex.idp, { iss: acme.issuer }, { kid }))).toBe(
      'token_signature_wrong',
    );
  });

  it('and not for the broker', async () => {
    const subject_token = await token(stage.acme.idp, { iss: stage.url, jti: 'x' }, { typ: 'at+jwt' });
    const subject_token_type = 'urn:ietf:params:oauth:token-type:access_token';
    expect(
      await refusal(stage, () => exchange(stage, stage.acme, { subject_token, subject_token_type })),
    ).toBe('400 invalid_request token_key_unknown');
  });

  it('and a provider’s issuer for no users at all', async () => {
    const idp = await newParty();
    const issuer = 'https://login.skyways.example';
    await call(stage, 'POST', '/v1/providers/skyways/issuers', { issuer, jwks: idp.jwks });
    for (const owner of ['tenant:acme', 'provider:skyways']) {
      const program = await addProgram(stage, {
        id: `relies-${owner.replace(':', '-')}`,
        owner,
        issuerClientIds: { [issuer]: 'app' },
      });
      const subject = await token(idp, { iss: issuer });
      expect(await reasonOf(subject, { ...stage.acme, ...program })).toBe('subject_issuer_not_tenants');
    }
  });
});

describe('nothing is discovered from a token', () => {
  it('an issuer that nobody registered is never asked for its keys', async () => {
    const stranger = await newParty();
    const server = await hostileServer(json(stranger.jwks));
    expect(await reasonOf(await token(stranger, { iss: server.url }))).toBe('token_issuer_unknown');
    const header = { jku: `${server.url}/jwks` };
    expect(await reasonOf(await token(stranger, { iss: stage.acme.issuer }, header))).toBe(
      'token_header_refused',
    );
    expect(server.hits()).toBe(0);
    await server.close();
  });
});

describe('registering an issuer', () => {
  async function register(issuer: string, as = stage.token, tenant = 'globex'): Promise<string> {
    const { jwks } = await newParty();
    stage.store.written();
    const response = await fetch(`${stage.url}/v1/tenants/${tenant}/issuers`, {
      method: 'POST',
      headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json' },
      body: JSON.stringify({ issuer, jwks }),
    });
    // What is not allowed to somebody is in the audit log, and nothing else is written.
    const audited = response.status === 403 ? ['audit'] : [];
    expect(stage.store.written()).toEqual(new Set(audited));
    return `${response.status} ${((await response.json()) as { code: string }).code}`;
  }

  it('that is somebody else’s is refused', async () => {
    expect(await register(stage.acme.issuer)).toBe('409 issuer_taken');
  });

  it.each(['', '/', '/realm', '/a2a/skyways/flights'])(
    'on the broker’s own host, at %j, is refused',
    async (path) => {
      expect(await register(stage.url + path)).toBe('400 invalid_request');
      expect(await register(stage.url.replace('http:', 'https:') + path)).toBe('400 invalid_request');
      expect(await register(stage.url.replace('http:', 'HTTP:') + path)).toBe('400 invalid_request');
    },
  );

  it.each([
    'https://user:secret@login.example',
    'https://login.example?tenant=acme',
    'https://login.example#acme',
    'https://login.example/\nhttps://login.acme.example',
    'javascript:alert(1)',
    'file:///etc/passwd',
    '//login.example',
    'urn:login',
  ])('%j is refused', async (issuer) => {
    expect(await register(issuer)).toBe('400 invalid_request');
  });

  it('for another tenant is refused', async () => {
    const program = await addProgram(stage, { id: 'meddler', owner: 'tenant:acme', scopes: ['trust:write'] });
    const token = await managementToken(stage, program);
    expect(await register('https://third.globex.example', token)).toBe('403 forbidden');
  });
});
