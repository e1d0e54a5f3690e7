import { createHmac } from 'node:crypto';
import { lengthPrefixed } from '../kernel/digest.ts';

/**
 * The subject as one provider sees it: stable there, and not linkable with what another provider sees. The prefix names the
 * version of the secret, so that a later one can stand beside it. The parts are length-prefixed: `a`+`bc` is not `ab`+`c`.
 */
export function pairwiseSubject(
  secret: Uint8Array,
  user: {
    readonly provider: string;
    readonly issuer: string;
    readonly tenant: string;
    readonly subject: string;
  },
  version = 1,
): string {
  const mac = createHmac('sha256', secret);
  mac.update(lengthPrefixed(user.provider, user.issuer, user.tenant, user.subject));
  return `v${version}.${mac.digest('base64url')}`;
}
