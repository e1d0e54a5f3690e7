import { InvalidArgumentError } from 'commander';

/** The path of a party's issuers. */
export type Collection = readonly ['v1', 'providers' | 'tenants', string, 'issuers'];

export function partyIssuers(text: string): Collection {
  const [, kind, id] = /^(tenant|provider):([^/\s]+)$/.exec(text) ?? [];
  if (kind === undefined || id === undefined)
    throw new InvalidArgumentError('A party is tenant:id or provider:id.');
  return ['v1', kind === 'tenant' ? 'tenants' : 'providers', id, 'issuers'];
}
