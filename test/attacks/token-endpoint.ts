import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { MarketTenant } from '../support/market.ts';
import { clientAssertion } from '../support/party.ts';
import { latestAudit } from './audit.ts';
import { exchangeGrant, type Program, type Stage } from './stage.ts';

export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
export const tokenType = {
  accessToken: 'urn:ietf:params:oauth:token-type:access_token',
  idToken: 'urn:ietf:params:oauth:token-type:id_token',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
} as const;

/** `undefined` leaves a parameter out. */
export type Form = Readonly<Record<string, string | undefined>>;

export interface TokenReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: {
    readonly access_token?: string;
    readonly expires_in?: number;
    readonly scope?: string;
    readonly error?: string;
    readonly error_description?: string;
  };
}

export async function postForm(
  url: string,
  form: Form | string,
  headers: Readonly<Record<string, string>> = {},
  path = '/oauth/token',
): Promise<TokenReply> {
  const body =
    typeof form === 'string'
      ? form
      : new URLSearchParams(
          Object.entries(form).filter((pair): pair is [string, string] => pair[1] !== undefined),
        ).toString();
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body,
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: (text === '' ? {} : JSON.parse(text)) as TokenReply['body'],
  };
}

/** Asks as this program; whatever the form says wins over what an honest program would send. */
export async function ask(
  stage: Stage,
  program: Program,
  form: Form,
  path = '/oauth/token',
  headers: Readonly<Record<string, string>> = {},
): Promise<TokenReply> {
  const credentials = {
    client_assertion_type: assertionType,
    client_assertion: await clientAssertion(program.client, program.clientId, stage.url),
  };
  return postForm(stage.url, { ...credentials, ...form }, headers, path);
}

/** For a broker whose clock is not the machine's. */
export function assertionAt({ client, clientId }: Program, broker: string, seconds: number): Promise<string> {
  const claims = { iss: clientId, sub: clientId, aud: broker, jti: randomUUID() };
  return client.sign({ ...claims, iat: seconds, exp: seconds + 60 });
}

/** A tenant's first hop to the market's agent, honest but for `form`. */
export async function exchange(
  stage: Stage,
  tenant: MarketTenant,
  form: Form = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<TokenReply> {
  return ask(
    stage,
    tenant,
    {
      grant_type: exchangeGrant,
      subject_token: await tenant.idToken(),
      subject_token_type: tokenType.idToken,
      audience: stage.market.agent,
      ...form,
    },
    undefined,
    headers,
  );
}

/** A later hop: the program passes on the broker token that its agent received. */
export function passOn(
  stage: Stage,
  program: Program,
  received: string,
  form: Form,
  headers: Readonly<Record<string, string>> = {},
): Promise<TokenReply> {
  return ask(
    stage,
    program,
    {
      grant_type: exchangeGrant,
      subject_token: received,
      subject_token_type: tokenType.accessToken,
      ...form,
    },
    undefined,
    headers,
  );
}

export function managementToken(stage: Stage, program: Program, scope?: string): Promise<string> {
  return ask(stage, program, { grant_type: 'client_credentials', scope }).then(tokenOf);
}

export function tokenOf({ text, body }: TokenReply): string {
  return body.access_token ?? expect.fail(`no token: ${text}`);
}

/** The claims of a token, unverified. */
export function claimsOf(token: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<
    string,
    unknown
  >;
}

/**
 * `status error reason` of a refusal: what the answer says, and the rule that the audit log names. Sees to it that the answer tells
 * nothing more, and that nothing was written but the audit entry and the used-up assertion and proof. Takes the stage's record of writes: ask
 * for nothing else in between.
 */
export async function refusal(stage: Stage, attempt: () => Promise<TokenReply>): Promise<string> {
  stage.store.written();
  const { status, body, headers, text } = await attempt();
  const written = [...stage.store.written()].filter(
    (kind) => !['audit', 'assertion', 'dpop-proof'].includes(kind),
  );
  expect([text, written]).toEqual([text, []]);
  expect([text, Object.keys(body)]).toEqual([text, ['error', 'error_description']]);
  expect(headers.get('cache-control')).toBe('no-store');
  const { outcome, reason, detail } = await latestAudit(stage);
  expect([outcome, detail?.['error']]).toEqual(['refused', body.error]);
  return `${status} ${body.error} ${reason}`;
}
