import { readActor } from '../actor.ts';
import { idJagTokenType } from '../id-jag.ts';
import { accessTokenType } from '../model.ts';
import { readSubject } from '../subject.ts';
import { bad } from '../token-request.ts';
import type { Grant } from './grant.ts';
import { issueCallToken, requireOwnerActive } from './issue-call-token.ts';

const requestable: readonly string[] = [accessTokenType, idJagTokenType];

/** RFC 8693: subject → actor, and then what all grants for agents have in common. */
export const tokenExchange: Grant = async (context, request, client, note) => {
  if (request.requested_token_type !== undefined && !requestable.includes(request.requested_token_type))
    throw bad('requested_type_unknown', 'This requested_token_type is not supported.');
  await requireOwnerActive(context, client);
  const subject = await readSubject(context, request, client);
  note.tenant = subject.tenant;
  if (subject.parent !== undefined) note.txn = subject.parent.txn;
  const actor = await readActor(context, request, client);
  const grant = {
    action: 'token.exchange',
    request,
    client,
    subject,
    subjectError: 'invalid_request',
    actor,
    requested: request.requested_token_type,
  } as const;
  return issueCallToken(context, grant, note);
};
