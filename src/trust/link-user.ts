import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { StoredRecord } from '../storage/port.ts';
import type { TrustContext } from './deps.ts';
import type { PairwiseUser } from './trust-repository.ts';

export interface UserLink {
  readonly provider: string;
  /** Pairwise, as the provider knows it from tokens. */
  readonly sub: string;
  /** The provider's own id for the user. */
  readonly audSub: string;
}

/**
 * Says under which id a provider knows a user that it has seen: tokens carry it as `aud_sub` from the next one on. Throws `not_found` (not
 * seen there), `conflict`.
 */
export async function linkUser(context: TrustContext, link: UserLink, by: Principal): Promise<UserLink> {
  const found = await seenUser(context, link.provider, link.sub);
  await save(context, found, { ...found.value, audSub: link.audSub }, { link, by, step: 'link' });
  return link;
}

/** Throws `not_found`, `conflict`. */
export async function unlinkUser(
  context: TrustContext,
  provider: string,
  sub: string,
  by: Principal,
): Promise<UserLink> {
  const link = await readUserLink(context, provider, sub);
  const found = await seenUser(context, provider, sub);
  const { audSub: _, ...rest } = found.value;
  await save(context, found, rest, { link, by, step: 'unlink' });
  return link;
}

/** Throws `not_found`. */
export async function readUserLink(context: TrustContext, provider: string, sub: string): Promise<UserLink> {
  const { audSub } = (await seenUser(context, provider, sub)).value;
  if (audSub === undefined) throw new Fault('not_found', `${provider} has no id of its own for ${sub}.`);
  return { provider, sub, audSub };
}

async function seenUser(
  context: TrustContext,
  provider: string,
  sub: string,
): Promise<StoredRecord<PairwiseUser>> {
  const [found] = await context.repository.pairwiseOf(provider, [sub]);
  if (found === undefined) throw new Fault('not_found', `${provider} has seen no user ${sub}.`);
  return found;
}

async function save(
  context: TrustContext,
  found: StoredRecord<PairwiseUser>,
  value: PairwiseUser,
  report: { readonly link: UserLink; readonly by: Principal; readonly step: 'link' | 'unlink' },
): Promise<void> {
  const { provider, sub, audSub } = report.link;
  const commit = await context.repository.commit([
    context.repository.replacePairwise({ ...found, value }),
    ...context.audit.writes({
      action: `user.${report.step}`,
      outcome: 'allowed',
      actor: auditActor(report.by),
      provider,
      detail: { sub, audSub },
    }),
    ...(await context.events.writes(report.step === 'link' ? 'user.linked.v1' : 'user.unlinked.v1', {
      provider,
      sub,
    })),
  ]);
  if (!commit.ok) throw new Fault('conflict', 'The user was linked by somebody else at the same time.');
}
