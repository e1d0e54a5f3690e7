import { readActor } from '../actor.ts';
import { OAuthRefusal } from '../errors.ts';
import { accessTokenType } from '../model.ts';
import { readAssertion } from '../read-assertion.ts';
import type { Subject } from '../subject.ts';
import { bad, type TokenRequest } from '../token-request.ts';
import type { Grant } from './grant.ts';
import { issueCallToken, requireOwnerActive } from './issue-call-token.ts';

/**
 * RFC 7523 §2.1: an assertion that another authorization server made for us, good once. An ID-JAG of a tenant's identity
 * provider, or the JWT grant of identity chaining. What is wrong with the assertion is `invalid_grant`.
 */
export const jwtBearer: Grant = async (context, request, client, note) => {
  if (request.assertion === undefined) throw bad('assertion_missing', 'assertion is needed.');
  await requireOwnerActive(context, client);
  const assertion = await readAssertion(context, request.assertion, client, request.proof);
  note.tenant = assertion.subject.tenant;
  const actor = await readActor(context, request, client);
  const { subject, once } = assertion;
  const grant = {
    action: 'token.jwt_bearer',
    request: withTarget(request, subject),
    client,
    subject,
    subjectError: 'invalid_grant',
    actor,
    // The answer to an assertion is an access token: it has no place to say that it is anything else.
    requested: accessTokenType,
  } as const;
  const issued = await issueCallToken(context, grant, note);
  const { issuedTokenType: _, ...answer } = issued;
  return {
    ...answer,
    once: {
      ...once,
      refusal: new OAuthRefusal('invalid_grant', 'assertion_replayed', 'The assertion is used up.'),
    },
  };
};

/** A request that names no target means the one that the assertion is for. */
function withTarget(request: TokenRequest, { audiences }: Subject): TokenRequest {
  const [only, ...others] = audiences ?? [];
  const isNamed = request.resource !== undefined || request.audience !== undefined;
  return isNamed || only === undefined || others.length > 0 ? request : { ...request, resource: only };
}
