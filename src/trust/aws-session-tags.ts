import type { JsonValue } from '../kernel/json.ts';

/**
 * The claim of which AWS STS makes session tags (IAM User Guide, "Passing session tags using AssumeRoleWithWebIdentity"): one value
 * for each key. Transitive, so that no role that is assumed from the session can be without it. A tenant's id is within what a
 * tag may hold.
 */
export function awsSessionTags(tenant: string): Readonly<Record<string, JsonValue>> {
  return {
    'https://aws.amazon.com/tags': {
      principal_tags: { tenant: [tenant] },
      transitive_tag_keys: ['tenant'],
    },
  };
}
