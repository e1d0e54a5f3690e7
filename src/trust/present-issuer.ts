import { instant } from '../api/present.ts';
import { challengePlaces } from './issuer-challenge.ts';
import type { TrustRecord } from './model.ts';

/** A trust record on the wire. Pinned keys are not shown. */
export function presentIssuer(record: TrustRecord, brokerUrl: string) {
  const { jwks: _, keysSeenAt: _at, disabledFrom: _from, disabledBy: _by, ...rest } = record;
  const { algorithms, seenKeys, trustedBy, challenge, createdAt, expiresAt, ...plain } = rest;
  return {
    ...plain,
    algorithms: [...algorithms],
    ...(trustedBy === undefined ? {} : { trustedBy: { ...trustedBy, at: instant(trustedBy.at) } }),
    ...(challenge === undefined
      ? {}
      : { challenge: { value: challenge, audience: brokerUrl, ...challengePlaces(record.issuer) } }),
    ...(seenKeys === undefined ? {} : { seenKeys: [...seenKeys] }),
    createdAt: instant(createdAt),
    ...(expiresAt === undefined ? {} : { expiresAt: instant(expiresAt) }),
  };
}
