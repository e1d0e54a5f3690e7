import { promises as dns } from 'node:dns';
import { maxTxtLength, maxTxtRecords, OutboundError } from './port.ts';

/** The TXT records of a name, each in its parts; rejects as node's resolver does. */
export type ResolveTxt = (name: string) => Promise<readonly (readonly string[])[]>;

const timeoutMs = 2000;
const tries = 2;

/** Asks these servers; absent: those of the system. */
export function resolveTxtFrom(servers?: readonly string[]): ResolveTxt {
  return async (name) => {
    const resolver = new dns.Resolver({ timeout: timeoutMs, tries });
    if (servers !== undefined) resolver.setServers(servers);
    return resolver.resolveTxt(name);
  };
}

export const resolveTxtBySystem = resolveTxtFrom();

const noRecords = ['ENOTFOUND', 'ENODATA'];

/** See {@link Outbound.resolveTxt}. */
export async function textRecords(resolve: ResolveTxt, name: string): Promise<readonly string[]> {
  // RFC 1035 §2.3.4: longer names do not exist.
  if (name.length > 253) return [];
  try {
    const records = await resolve(name);
    return records
      .map((parts) => parts.join(''))
      .filter(({ length }) => length <= maxTxtLength)
      .slice(0, maxTxtRecords);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (noRecords.includes(String(code))) return [];
    throw new OutboundError(code === 'ETIMEOUT' ? 'timeout' : 'unreachable', 'DNS did not answer', error);
  }
}
