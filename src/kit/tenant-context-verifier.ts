import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import { BrokerError } from './broker-error.ts';
import { createBrokerKeys } from './broker-keys.ts';
import { createDiscovery } from './discovery.ts';
import {
  createProofMemory,
  type PresentedRequest,
  type UseProof,
  verifyPossession,
} from './dpop-verifier.ts';
import type { Fetch } from './fetch-json.ts';
import { readClaims } from './read-claims.ts';
import { type TenantContext, TenantContextError, type TenantContextErrorCode } from './tenant-context.ts';

export interface TenantContextVerifierOptions {
  /** The broker's issuer, exactly: an origin such as `https://broker.example.com`. */
  readonly broker: string;
  /** The deployment's `resource` as registered; by default that is the URL of the agent's JSON-RPC interface. */
  readonly audience: string;
  /** How many actors a chain may have; default 4, the broker's own limit. */
  readonly maxDepth?: number;
  /**
   * For tokens that are bound to a key (DPoP, RFC 9449) and presented by their holder, past the gateway.
   */
  readonly dpop?: {
    /** Where callers send their requests; default: the audience. Never from the request's own `Host`. */
    readonly url?: string;
    /** Whether a proof is new; default: remembered in this process. */
    readonly useProof?: UseProof;
  };
  /** All of these must be in the token. */
  readonly requiredScopes?: readonly string[];
  readonly fetch?: Fetch;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

export interface TenantContextVerifier {
  /**
   * Of an `Authorization` header's value. A token that is bound to a key needs the `request` that it came with, and its proof:
   * `{ method, dpop: headers.dpop }`. Throws {@link TenantContextError}.
   */
  verify(authorization: string | undefined, request?: PresentedRequest): Promise<TenantContext>;
}

const maxTokenBytes = 16 * 1024;
/** Clocks of independent companies differ. */
const skewSeconds = 30;
/** Header members that would let a token bring its own key or demand what is ignored here. */
const refusedHeaders = ['jku', 'jwk', 'x5u', 'x5c', 'crit', 'b64', 'zip', 'enc'];

/**
 * Checks the token with which the broker calls an agent (RFC 9068): one issuer, one algorithm, one audience, a bounded life. Keys
 * are found through the broker's metadata, never through the token.
 */
export function createTenantContextVerifier(options: TenantContextVerifierOptions): TenantContextVerifier {
  const { broker, audience, maxDepth = 4, requiredScopes = [] } = options;
  const fetch: Fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
  const now = options.now ?? Date.now;
  const useProof = options.dpop?.useProof ?? createProofMemory(now);
  const keys = createBrokerKeys({ metadata: createDiscovery({ broker, fetch, now }), fetch, now });

  async function findKey(keyId: string) {
    try {
      return await keys.find(keyId);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      throw new TenantContextError(
        'broker_unavailable',
        `The broker’s keys cannot be had. ${error.message}`,
        {
          cause: error,
        },
      );
    }
  }

  async function verifiedClaims(token: string): Promise<JWTPayload> {
    const key = await findKey(readKeyId(token));
    if (key === undefined)
      throw new TenantContextError(
        'token_key_unknown',
        'The token was signed with a key that the broker does not publish.',
      );
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ['ES256'],
        typ: 'at+jwt',
        issuer: broker,
        audience,
        clockTolerance: skewSeconds,
        currentDate: new Date(now()),
        requiredClaims: ['exp', 'iat'],
      });
      return payload;
    } catch (error) {
      throw explain(error, { broker, audience });
    }
  }

  return {
    async verify(authorization, request) {
      const { scheme, token } = readAuthorization(authorization);
      const claims = await verifiedClaims(token);
      // jose takes a list of audiences, and any `iat` when no maximum age is set.
      if (claims.aud !== audience)
        throw new TenantContextError('token_audience_wrong', 'The token must have exactly one audience.');
      if (typeof claims.iat !== 'number' || claims.iat > now() / 1000 + skewSeconds)
        throw new TenantContextError(
          'token_not_yet_valid',
          'The token was issued in the future: compare this machine’s clock with the broker’s.',
        );
      const keyThumbprint = keyOf(claims);
      requireScheme(scheme, keyThumbprint);
      if (keyThumbprint !== undefined)
        await verifyPossession(
          { text: token, jkt: keyThumbprint },
          {
            method: request?.method ?? '',
            url: request?.url ?? options.dpop?.url ?? audience,
            dpop: request?.dpop,
          },
          { now, useProof },
        );
      const context = {
        ...readClaims(claims, token, maxDepth),
        ...(keyThumbprint === undefined ? {} : { keyThumbprint }),
      };
      const missing = requiredScopes.filter((scope) => !context.scope.includes(scope));
      if (missing.length > 0)
        throw new TenantContextError('scope_insufficient', `The token lacks ${missing.join(', ')}.`, {
          requiredScopes,
        });
      return context;
    },
  };
}

/** A `cnf` that says anything but a thumbprint is never ignored. */
function keyOf({ cnf }: JWTPayload): string | undefined {
  if (cnf === undefined) return undefined;
  const { jkt, ...others } = (typeof cnf === 'object' && cnf !== null ? cnf : {}) as Record<string, unknown>;
  if (typeof jkt !== 'string' || jkt === '' || Object.keys(others).length > 0)
    throw new TenantContextError('token_malformed', 'The token is bound in a way that is not known here.');
  return jkt;
}

function requireScheme(scheme: 'bearer' | 'dpop', jkt: string | undefined): void {
  if (scheme === 'bearer' && jkt !== undefined)
    throw new TenantContextError(
      'token_is_bound',
      'The token is bound to a key, and is of no use as a Bearer token.',
    );
  if (scheme === 'dpop' && jkt === undefined)
    throw new TenantContextError('token_not_bound', 'The token is a Bearer token: no key proves anything.');
}

function readAuthorization(authorization: string | undefined): {
  readonly scheme: 'bearer' | 'dpop';
  readonly token: string;
} {
  if (authorization === undefined || authorization === '')
    throw new TenantContextError('token_missing', 'The call has no Authorization header.');
  const [, scheme = '', token = ''] = /^(Bearer|DPoP) +([\w.~+/-]+=*)$/i.exec(authorization) ?? [];
  if (token === '' || token.length > maxTokenBytes)
    throw new TenantContextError(
      'token_malformed',
      'Authorization is not a Bearer or DPoP token of at most 16 KiB.',
    );
  return { scheme: scheme.toLowerCase() === 'dpop' ? 'dpop' : 'bearer', token };
}

function readKeyId(token: string): string {
  let header;
  try {
    header = decodeProtectedHeader(token);
  } catch (error) {
    throw new TenantContextError('token_malformed', 'The token is not a signed JWT.', { cause: error });
  }
  if (refusedHeaders.some((name) => Object.hasOwn(header, name)))
    throw new TenantContextError('token_malformed', 'The token’s header names what the broker never sends.');
  if (header.alg !== 'ES256')
    throw new TenantContextError('token_algorithm_refused', 'The broker signs with ES256 only.');
  if (typeof header.kid !== 'string' || header.kid === '' || header.kid.length > 256)
    throw new TenantContextError('token_malformed', 'The token names no key.');
  return header.kid;
}

function explain(
  error: unknown,
  expected: { readonly broker: string; readonly audience: string },
): TenantContextError {
  const refuse = (code: TenantContextErrorCode, message: string) =>
    new TenantContextError(code, message, { cause: error });
  if (error instanceof errors.JWTExpired) return refuse('token_expired', 'The token has expired.');
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return refuse('token_signature_wrong', 'The signature does not fit the broker’s key.');
  if (error instanceof errors.JOSEAlgNotAllowed)
    return refuse('token_algorithm_refused', 'The broker signs with ES256 only.');
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'typ')
      return refuse(
        'token_type_wrong',
        'The token is not an access token (typ at+jwt): an ID token, perhaps.',
      );
    if (error.claim === 'iss')
      return refuse('token_issuer_wrong', `The token is not from ${expected.broker}, to the letter.`);
    if (error.claim === 'aud')
      return refuse(
        'token_audience_wrong',
        `The token is for another audience. Expected is ${expected.audience}, which must be the deployment’s resource as registered.`,
      );
    if (error.claim === 'nbf' && error.reason === 'check_failed')
      return refuse('token_not_yet_valid', 'The token is not valid yet.');
  }
  return refuse('token_malformed', 'The token’s claims are not those of an access token.');
}
