import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { maxRequestBytes } from '../../src/broker/read-body.ts';
import { maxEventBytes } from '../../src/broker/sse-events.ts';
import { maxAnswerBytes, upstreamTimes } from '../../src/broker/upstream.ts';
import { serverLimits } from '../../src/http/server.ts';
import { maxNesting, maxSteps } from '../../src/policy/text-limits.ts';
import { maxParsed } from '../../src/policy/parsed-sets.ts';
import { maxPoliciesPerOwner, maxTextBytes } from '../../src/policy/policy.ts';
import { maxSetBytes } from '../../src/policy/change-set.ts';
import { nonceSeconds } from '../../src/trust/dpop-nonce.ts';
import { maxProofBytes, proofSeconds } from '../../src/trust/dpop-proof.ts';
import { maxCardBytes } from '../../src/registry/card.ts';

const seconds = (ms: number) => `${ms / 1000} s`;
const minutes = (ms: number) => `${ms / 60_000} min`;
const kilobytes = (bytes: number) => `${bytes / 1024} KiB`;
const megabytes = (bytes: number) => `${bytes / (1024 * 1024)} MiB`;

it.each([
  ['headers of a request, from', seconds(serverLimits.headers)],
  ['a request with its body', seconds(serverLimits.request)],
  ['a connection without a request', seconds(serverLimits.idle)],
  ['a caller that takes nothing', seconds(serverLimits.unread)],
  ['running answers when', seconds(serverLimits.drain)],
  ['connections at one time', serverLimits.connections.toLocaleString('en')],
  ['relayed request', megabytes(maxRequestBytes)],
  ['an agent’s answer', megabytes(maxAnswerBytes)],
  ['one event of an agent’s stream', megabytes(maxEventBytes)],
  ['a card, a key set', kilobytes(maxCardBytes)],
  ['a proof of possession (the header', kilobytes(maxProofBytes)],
  ['a proof of possession counts', `${proofSeconds} s`],
  ['a nonce for such proofs', `${nonceSeconds} s`],
  ['a policy; its nesting', `${kilobytes(maxTextBytes)}; ${maxNesting}, ${maxSteps}`],
  ['enabled policies of an owner', `${maxSetBytes / 1000} KB`],
  ['policies of an owner', String(maxPoliciesPerOwner)],
  ['policies of several owners', maxParsed.toLocaleString('en')],
  ['waiting for one of them', seconds(upstreamTimes.queue)],
  ['an agent’s whole answer', minutes(upstreamTimes.whole)],
  ['an agent’s stream without', minutes(upstreamTimes.silence)],
])('docs/limits.md tells what is in force: %s', async (what, figure) => {
  const rows = (await readFile('docs/limits.md', 'utf8'))
    .split('\n')
    .filter((line) => line.startsWith(`| ${what}`));
  expect(rows).toHaveLength(1);
  expect(rows[0]).toContain(`| ${figure}`);
});
