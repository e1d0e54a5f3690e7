import { isJsonObject, type JsonObject, type JsonValue } from '../kernel/json.ts';
import { mayAct } from './may-act.ts';
import type { Actor, Client } from './model.ts';
import { refusedToken } from './verify-issuer-token.ts';

/**
 * Who acted before the token came to us, as its issuer says (`act`, RFC 8693 §4.1). They count towards the depth of the
 * chain. An issuer speaks for those that it knows, under its own name, and for nobody else: or it could put our clients, or
 * another company's, into a chain. Anything else is refused, never left out. Throws `invalid_request`.
 */
export function readForeignActors(claims: JsonObject, issuer: string): Actor | undefined {
  const seen: string[] = [];
  let act: JsonValue | undefined = claims['act'];
  // At most as deep as a token may be nested.
  for (; act !== undefined; act = act['act']) {
    if (!isJsonObject(act) || (act['iss'] !== undefined && act['iss'] !== issuer))
      throw refusedToken('subject_actors_refused');
    const { sub } = act;
    if (typeof sub !== 'string' || sub === '' || sub.length > 255)
      throw refusedToken('subject_actors_refused');
    seen.push(sub);
  }
  return seen.reduceRight<Actor | undefined>(
    (inner, sub) => ({ iss: issuer, sub, ...(inner === undefined ? {} : { act: inner }) }),
    undefined,
  );
}

/**
 * `may_act` (RFC 8693 §4.4): when the issuer says who may act, the client is that one, by the issuer's id for it or by ours.
 * It is about this hop: nothing of it goes into what is issued. Throws `invalid_request`.
 */
export function requireMayAct(claims: JsonObject, issuer: string, client: Client, brokerUrl: string): void {
  if (claims['may_act'] !== undefined && !mayAct(claims, issuer, client, brokerUrl))
    throw refusedToken('subject_may_act_other');
}
