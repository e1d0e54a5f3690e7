import { createRouter, type Router } from '../../src/api/router.ts';
import { authenticate } from '../../src/http/authenticate.ts';
import { limitBody, requireWellFormed } from '../../src/http/body-rules.ts';
import { problemResponse } from '../../src/http/problem.ts';
import type { Principal } from '../../src/kernel/principal.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

export type Call = (
  method: string,
  path: string,
  options?: {
    readonly as?: string;
    readonly body?: unknown;
    readonly headers?: Readonly<Record<string, string>>;
  },
) => Promise<Answer>;

/**
 * One room's routes behind the real authentication, body limits and error encoder, without the other rooms. `as` is a bearer token:
 * `operator`, or one of `clients`. A string body is sent as it is.
 */
export function surface(router: Router, clients: Readonly<Record<string, Principal>>): Call {
  const app = createRouter();
  app.use(
    '/v1/*',
    limitBody,
    requireWellFormed,
    authenticate('https://broker.example', {
      isOperatorToken: (token) => token === 'operator',
      authenticateBearer: (token) => Promise.resolve(clients[token]),
      dpop: { policy: { required: false, nonceRequired: false }, nonce: () => '' },
    }),
  );
  app.onError((error, c) => problemResponse(c, error));
  app.route('/', router);

  return async (method, path, options = {}) => {
    const { as, body } = options;
    const response = await app.request(path, {
      method,
      headers: {
        ...(as === undefined ? {} : { Authorization: `Bearer ${as}` }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
    return { status: response.status, headers: response.headers, text, json };
  };
}

/** `409 tenant_exists`; of what was not refused, the status alone. */
export function outcome({ status, json }: Answer): string {
  return status < 400 ? String(status) : `${status} ${String(json['code'])}`;
}

/** Which fields were named as wrong. */
export function wrongFields({ json }: Answer): readonly string[] {
  return ((json['errors'] ?? []) as readonly { path: string }[]).map(({ path }) => path);
}

export function client(owner: `tenant:${string}` | `provider:${string}`, ...scopes: string[]): Principal {
  return { kind: 'client', clientId: `client-of-${owner.replace(':', '-')}`, owner, scopes };
}
