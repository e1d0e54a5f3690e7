import type { JsonValue } from '../kernel/json.ts';
import type { ManagementScope, Party } from '../kernel/principal.ts';
import type { JsonWebKeySet } from './key-set.ts';
import type { Algorithm } from './signature.ts';

/**
 * `pending`: claimed, nothing is proven. `verified`: proven, and waits for the operator. `active`: its tokens count.
 * `keys_replaced`: the published keys have nothing in common with those that were trusted. `disabled`: by its owner or the operator.
 */
export type IssuerStatus = 'pending' | 'verified' | 'active' | 'keys_replaced' | 'disabled';

/** What the broker believes about one issuer. One issuer has one record that counts; until then it is a claim. */
export interface TrustRecord {
  readonly id: string;
  /** Exactly as in `iss`. */
  readonly issuer: string;
  /** A tenant's issuer speaks for that tenant's users; a provider's for that provider's own programs. */
  readonly owner: Party;
  readonly jwks?: JsonWebKeySet;
  readonly jwksUri?: string;
  readonly algorithms: readonly Algorithm[];
  /** The issuer's own name for the broker: a token whose sole `aud` it is counts as made for the broker. */
  readonly audience?: string;
  /** For whom it speaks. Absent: `fixed`. */
  readonly tenantMapping?: TenantMapping;
  readonly status: IssuerStatus;
  /** Why it is not active. */
  readonly reason?: string;
  /** On what its keys are trusted: the operator's word, or a proof. Absent: on nothing yet. */
  readonly trustedBy?: { readonly how: 'operator' | ProofPlace; readonly at: number };
  /** What the owner has to publish; while a proof is wanted. */
  readonly challenge?: string;
  /** RFC 7638, of the keys at `jwksUri` when they were last seen. */
  readonly seenKeys?: readonly string[];
  /** Epoch milliseconds. */
  readonly keysSeenAt?: number;
  /** What it was before it was disabled, and is again when enabled. */
  readonly disabledFrom?: Exclude<IssuerStatus, 'disabled'>;
  /** What the operator disabled, the owner cannot enable. */
  readonly disabledBy?: 'operator' | 'owner';
  readonly createdAt: number;
  readonly expiresAt?: number;
}

/**
 * `fixed`: the tenant that owns the issuer. Otherwise a tenant's external id at this issuer, which counts only where a link says whose
 * it is: the claim's value, or what a CEL expression over `claims` gives.
 */
export type TenantMapping =
  | { readonly kind: 'fixed' }
  | { readonly kind: 'claim'; readonly claim: string }
  | { readonly kind: 'cel'; readonly expression: string };

/** Where the owner of an issuer has published the challenge. */
export type ProofPlace = 'well-known' | 'dns';

export const grantTypes = {
  tokenExchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
  jwtBearer: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
  clientCredentials: 'client_credentials',
} as const;

export type GrantType = (typeof grantTypes)[keyof typeof grantTypes];

/** An OAuth client: a program that authenticates with its own key (`private_key_jwt`). */
export interface Client {
  readonly id: string;
  readonly name: string;
  readonly owner: Party;
  /** `provider/agent`: the agent that this program is, and whose received tokens it may exchange. */
  readonly agent?: string;
  readonly jwks?: JsonWebKeySet;
  readonly jwksUri?: string;
  readonly grantTypes: readonly GrantType[];
  /** For the management API. */
  readonly scopes: readonly ManagementScope[];
  /** The most that its tokens for agents may carry; absent: no limit of its own. */
  readonly callScopes?: readonly string[];
  /** Issuer -> the id that this program has there. */
  readonly issuerClientIds: Readonly<Record<string, string>>;
  /** It gets no token that is not bound to a key (RFC 9449 §5.2). */
  readonly dpopBoundAccessTokens?: boolean;
  readonly status: 'active' | 'disabled';
  /** Its management tokens that were taken back before their time: see {@link RevokedTokens}. */
  readonly revokedTokens?: RevokedTokens;
  readonly createdAt: number;
}

/**
 * Part of the client, because every use of a management token reads the client anyway: a record for each token would be one
 * more read for each call, mostly of nothing.
 */
export interface RevokedTokens {
  /** SHA-256 of each token's `jti`, until it would have expired (epoch seconds). */
  readonly tokens: Readonly<Record<string, number>>;
  /** Epoch seconds: whatever was issued up to then is revoked. Set when there are too many to name. */
  readonly issuedUntil?: number;
}

/** `from` may pass a tenant's context to `to`. */
export interface Agreement {
  readonly id: string;
  readonly from: Party;
  readonly to: Party;
  /** The most that may be passed on; absent: no limit of its own. */
  readonly scopes?: readonly string[];
  /** The longest chain of actors that may rest on it. */
  readonly maxDepth?: number;
  /** Only for these tenants; absent: all. */
  readonly tenants?: readonly string[];
  /** The regions in which what is passed on may be served, there and further on; absent: no limit of its own. */
  readonly residency?: readonly string[];
  /** Where the two have written down what they pay each other; the broker does not read it. */
  readonly priceReference?: string;
  /** `proposed`: by one side, and in force only when the other accepts. */
  readonly status: 'proposed' | 'active' | 'revoked';
  readonly proposedBy?: Party;
  readonly reason?: string;
  readonly createdAt: number;
  readonly expiresAt?: number;
}

/** RFC 8693 §4.1, newest first. */
export type Actor = {
  readonly iss: string;
  readonly sub: string;
  readonly client_id?: string;
  readonly act?: Actor;
};

/** One issued call token and its place in the chain. */
export interface Delegation {
  /** SHA-256 of the token's `jti`. */
  readonly id: string;
  readonly txn: string;
  /** The delegation that this one continues. */
  readonly parent?: string;
  readonly tenant: string;
  readonly provider: string;
  /** `provider/agent`. */
  readonly agent: string;
  /** Set when the token is for the provider itself, not for the gateway. */
  readonly deployment?: string;
  /** Set when it is an ID-JAG, to be redeemed there. */
  readonly authorizationServer?: string;
  readonly clientId: string;
  readonly scope: readonly string[];
  /** Epoch seconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly depth: number;
  /** The least that an agreement of the chain allows: terms between two companies also bind those after them. */
  readonly maxDepth?: number;
  /** The regions that all agreements of the chain allow; absent: none of them says. */
  readonly residency?: readonly string[];
  /** Epoch seconds. From then on it counts for nothing, and neither does what continues it. */
  readonly revokedAt?: number;
  readonly revokedReason?: string;
  /** Who the user is where the chain began. */
  readonly origin: {
    readonly issuer: string;
    readonly subject: string;
    /** The tenant's external id there, when the issuer maps. */
    readonly externalTenant?: string;
  };
  /** Everything that must stay in force for the chain to hold, oldest first. */
  readonly chain: {
    readonly delegations: readonly string[];
    readonly clients: readonly string[];
    readonly agents: readonly string[];
    readonly agreements: readonly string[];
  };
  readonly claims: Readonly<Record<string, JsonValue>>;
}

/** RFC 8693 §3 */
export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';
export const defaultMaxDepth = 4;
export const accessTokenSeconds = 300;
