import type { IncomingMessage, ServerResponse } from 'node:http';
import { asText } from '../kernel/json.ts';
import { asksForNonce, dpopChallenge, isDpopProblem, type Trust } from '../trust/index.ts';
import type { Refusal } from './refusals.ts';

/**
 * Where to get a token that works here, and how to present it (RFC 6750 §3, RFC 9449 §7.1, RFC 9728 §5.1): the scheme that was
 * tried comes first and says what was wrong. None for refusals that no other token would mend.
 */
export function challengesFor(
  refusal: Refusal,
  request: IncomingMessage,
  metadataUrl: string,
): readonly string[] {
  const error = errorOf(refusal);
  if (error === undefined) return [];
  const metadata = `resource_metadata="${metadataUrl}"`;
  const parameters = error === '' ? [metadata] : [`error="${error}"`, metadata];
  if (!triesDpop(request)) return [`Bearer ${parameters.join(', ')}`, dpopChallenge(metadata)];
  return [dpopChallenge(...parameters), `Bearer ${metadata}`];
}

/** A nonce for who will need the next one (RFC 9449 §9), on whatever is answered. */
export function offerNonce(dpop: Trust['dpop'], request: IncomingMessage, response: ServerResponse): void {
  if (dpop.policy.nonceRequired && triesDpop(request)) response.setHeader('DPoP-Nonce', dpop.nonce());
}

/** Whether the caller has to come again with a nonce. */
export function needsNonce(refusal: Refusal): boolean {
  return errorOf(refusal) === 'use_dpop_nonce';
}

/** Of RFC 6750 §3.1 and RFC 9449 §7.1; empty for who brought no token, `undefined` where a token is not the matter. */
function errorOf({ reason, detail }: Refusal): string | undefined {
  if (reason === 'INSUFFICIENT_SCOPE') return 'insufficient_scope';
  if (reason !== 'UNAUTHENTICATED') return undefined;
  const problem = asText(detail['problem']);
  if (problem === 'token_missing') return '';
  if (asksForNonce(problem)) return 'use_dpop_nonce';
  return isDpopProblem(problem) ? 'invalid_dpop_proof' : 'invalid_token';
}

function triesDpop({ headers }: IncomingMessage): boolean {
  return /^DPoP /i.test(headers.authorization ?? '');
}
