import { epochSeconds } from '../kernel/clock.ts';
import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts';
import { err, ok, type Result } from '../kernel/result.ts';
import { OutboundError } from '../outbound/port.ts';
import type { TrustContext } from './deps.ts';
import { challengePlaces, metadataUrls } from './issuer-challenge.ts';
import { candidates, type KeySet } from './issuer-keys.ts';
import { checkTimes, clockSkewSeconds, isSignedBy, parseJwt } from './jwt.ts';
import type { ProofPlace, TrustRecord } from './model.ts';

/** Why a proof does not hold, in the order in which it is looked at. */
export type ProofProblem =
  | 'metadata_unreachable'
  | 'metadata_issuer_differs'
  | 'metadata_keys_differ'
  | 'keys_unusable'
  | 'challenge_not_published'
  | 'proof_malformed'
  | 'proof_claims_wrong'
  | 'proof_key_unknown';

export interface Proof {
  readonly place: ProofPlace;
  readonly keys: KeySet;
}

type ProofContext = Pick<TrustContext, 'outbound' | 'issuerKeys' | 'clock' | 'brokerUrl'>;

/** RFC 8725 §3.11: nothing else that an issuer signs can be taken for this. */
const proofType = 'a2a-broker-challenge+jwt';
const maxProofSeconds = 24 * 3600;
const maxMetadataBytes = 256 * 1024;
const maxPublishedBytes = 64 * 1024;
/** An issuer may prove itself to several brokers in one file, a line each. */
const maxPublishedProofs = 10;

/**
 * Whether somebody who controls the issuer wants this record: its metadata names exactly this issuer and its key set; the challenge is
 * published where only its owner can (in DNS, or under the issuer's origin); and it is signed, for this broker, by one of the
 * published keys. `handedOver`: the signed challenge, when the bare one is in DNS.
 */
export async function proveIssuer(
  context: ProofContext,
  record: TrustRecord,
  handedOver: string | undefined,
): Promise<Result<Proof, ProofProblem>> {
  const metadata = await readMetadata(context, record.issuer);
  if (!metadata.ok) return metadata;
  const jwksUri = metadata.value['jwks_uri'];
  if (typeof jwksUri !== 'string' || (record.jwksUri !== undefined && record.jwksUri !== jwksUri))
    return err('metadata_keys_differ');
  const published = await context.issuerKeys.check({ jwksUri });
  if (!published.ok) return err('keys_unusable');
  if (record.jwks !== undefined) {
    const pinned = await context.issuerKeys.check(record);
    if (!pinned.ok) return err('keys_unusable');
    if (!pinned.value.thumbprints.every((pin) => published.value.thumbprints.includes(pin)))
      return err('metadata_keys_differ');
  }
  const place = handedOver === undefined ? 'well-known' : 'dns';
  const proofs =
    handedOver === undefined
      ? await readWellKnown(context, record)
      : (await isInDns(context, record))
        ? [handedOver]
        : [];
  if (proofs.length === 0) return err('challenge_not_published');
  const problems = proofs.map((proof) => checkProof(context, record, proof, published.value));
  const problem = problems.includes(undefined) ? undefined : problems.at(-1);
  return problem === undefined ? ok({ place, keys: published.value }) : err(problem);
}

/** The first document that is there counts: one that names another issuer is not passed over for the next. */
async function readMetadata(
  context: ProofContext,
  issuer: string,
): Promise<Result<JsonObject, ProofProblem>> {
  for (const url of metadataUrls(issuer)) {
    const text = await fetchText(context, url, maxMetadataBytes);
    const metadata = text === undefined ? undefined : parseJson(text);
    if (!isJsonObject(metadata)) continue;
    return metadata['issuer'] === issuer ? ok(metadata) : err('metadata_issuer_differs');
  }
  return err('metadata_unreachable');
}

async function readWellKnown(context: ProofContext, { issuer }: TrustRecord): Promise<readonly string[]> {
  const text = await fetchText(context, challengePlaces(issuer).wellKnownUrl, maxPublishedBytes);
  return (text ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .slice(0, maxPublishedProofs);
}

async function isInDns({ outbound }: ProofContext, { issuer, challenge }: TrustRecord): Promise<boolean> {
  const { dnsName } = challengePlaces(issuer);
  if (dnsName === undefined || challenge === undefined) return false;
  try {
    return (await outbound.resolveTxt(dnsName)).includes(challenge);
  } catch (error) {
    if (error instanceof OutboundError) return false;
    throw error;
  }
}

/** Whatever is the matter with it, it says nothing: what stands behind an address is not for the caller to learn. */
async function fetchText(
  { outbound }: ProofContext,
  url: string,
  maxBytes: number,
): Promise<string | undefined> {
  try {
    const response = await outbound.fetch({ url, maxBytes });
    return response.status === 200 ? response.body : undefined;
  } catch (error) {
    if (error instanceof OutboundError) return undefined;
    throw error;
  }
}

/** RFC 7515, RFC 7519: `iss` the issuer, `aud` this broker alone, `challenge` that of the record, for a day at most. */
function checkProof(
  { clock, brokerUrl }: ProofContext,
  record: TrustRecord,
  proof: string,
  published: KeySet,
): ProofProblem | undefined {
  const parsed = parseJwt(proof);
  if (!parsed.ok || parsed.value.type !== proofType) return 'proof_malformed';
  const { claims, algorithm, keyId } = parsed.value;
  if (record.challenge === undefined || claims['challenge'] !== record.challenge) return 'proof_claims_wrong';
  if (claims['iss'] !== record.issuer || claims['aud'] !== brokerUrl) return 'proof_claims_wrong';
  const times = {
    now: epochSeconds(clock),
    skewSeconds: clockSkewSeconds,
    maxLifetimeSeconds: maxProofSeconds,
  };
  if (checkTimes(claims, times) !== undefined) return 'proof_claims_wrong';
  if (!record.algorithms.includes(algorithm)) return 'proof_key_unknown';
  const keys = candidates(published, algorithm, keyId);
  return keys.some((key) => isSignedBy(parsed.value, key)) ? undefined : 'proof_key_unknown';
}
