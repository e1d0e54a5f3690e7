import { type GrantType, grantTypes } from '../model.ts';
import { clientCredentials } from './client-credentials.ts';
import type { Grant } from './grant.ts';
import { tokenExchange } from './token-exchange.ts';

export const grants: Readonly<Record<GrantType, Grant>> = {
  [grantTypes.tokenExchange]: tokenExchange,
  [grantTypes.clientCredentials]: clientCredentials,
};

export function isGrantType(text: string | undefined): text is GrantType {
  return text !== undefined && Object.hasOwn(grants, text);
}
