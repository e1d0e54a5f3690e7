import type { Store } from '../storage/port.ts';

const place = { partition: 'identity', sort: 'issuer' };

/**
 * The address under which this store's broker is known: `iss` of its tokens, in its cards, and where its clients look. Answers the
 * one of the first start, which the caller compares: under another one nothing that is out there is valid any more.
 */
export async function rememberIssuer(store: Store, brokerUrl: string): Promise<string> {
  const commit = await store.commit([{ op: 'putIfAbsent', ...place, value: { brokerUrl } }]);
  if (commit.ok) return brokerUrl;
  return (await store.get<{ readonly brokerUrl: string }>(place))?.value.brokerUrl ?? brokerUrl;
}
