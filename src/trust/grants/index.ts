import { type GrantType, grantTypes } from '../model.ts';
import { clientCredentials } from './client-credentials.ts';
import type { Grant } from './grant.ts';
import { jwtBearer } from './jwt-bearer.ts';
import { tokenExchange } from './token-exchange.ts';

export const grants: Readonly<Record<GrantType, Grant>> = {
  [grantTypes.tokenExchange]: tokenExchange,
  [grantTypes.jwtBearer]: jwtBearer,
  [grantTypes.clientCredentials]: clientCredentials,
};

export function isGrantType(text: string | undefined): text is GrantType {
  return text !== undefined && Object.hasOwn(grants, text);
}

/** How the audit log calls a refusal. */
export function actionOf(grantType: string | undefined): string {
  if (grantType === grantTypes.tokenExchange) return 'token.exchange';
  return grantType === grantTypes.jwtBearer ? 'token.jwt_bearer' : 'token.issue';
}
