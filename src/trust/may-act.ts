import { isJsonObject, type JsonObject } from '../kernel/json.ts';
import type { Client } from './model.ts';

/** Whether the issuer says in `may_act` that this client may act: by its own id for it, or by ours under our name. */
export function mayAct(claims: JsonObject, issuer: string, client: Client, brokerUrl: string): boolean {
  const party = claims['may_act'];
  if (!isJsonObject(party) || typeof party['sub'] !== 'string') return false;
  if (party['iss'] === brokerUrl) return party['sub'] === client.id;
  return (
    (party['iss'] === undefined || party['iss'] === issuer) && party['sub'] === client.issuerClientIds[issuer]
  );
}
