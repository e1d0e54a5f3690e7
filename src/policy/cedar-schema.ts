/**
 * What a policy may ask about, in Cedar's schema language. Published as docs/policy/schema.cedarschema and at
 * `GET /v1/policies/schema`. Only optional members are ever added: a policy that was valid stays valid.
 */
export const cedarSchema = `// What policies of the broker may ask about.
// https://docs.cedarpolicy.com/schema/human-readable-schema.html

/// A company that offers agents, such as Provider::"skyways".
entity Provider;

/// A company in whose name agents are called, such as Tenant::"acme".
entity Tenant;

/// The program that asks for a token. It is in the company that owns it.
entity Client in [Provider, Tenant] = {
  /// "provider:skyways" or "tenant:acme".
  owner: String,
  /// The agent that the program is, such as "skyways/flights".
  agent?: String,
};

/// The agent that the token is for, such as Agent::"skyways/flights". It is in its provider.
entity Agent in [Provider] = {
  provider: String,
  /// Of its skills, from its card.
  tags: Set<String>,
  /// Ids of its skills, from its card.
  skills: Set<String>,
  /// That a token for it may carry.
  scopes: Set<String>,
};

/// A token for the agent is issued to the client, in the name of a tenant.
action exchange appliesTo {
  principal: Client,
  resource: Agent,
  context: {
    tenant: Tenant,
    tier: String,
    /// Where the tenant is at home.
    region?: String,
    /// That the token would carry.
    scopes: Set<String>,
    /// Programs in the chain, this one included: 1 at the first hop.
    depth: Long,
    /// Ids of the programs in the chain that are registered here, this one included.
    actors: Set<String>,
    /// Agents that were called on the way here, such as "concierge/trips".
    through: Set<String>,
    /// Seconds since 1970.
    time: Long,
    now: datetime,
    /// Of the user's token, where the chain began.
    issuer: String,
    /// How the user was authenticated, when the issuer says so (OpenID Connect Core, section 2).
    acr?: String,
    amr?: Set<String>,
    /// Id of the agreement under which one company passes the tenant's context to the other.
    agreement?: String,
  },
};
`;
