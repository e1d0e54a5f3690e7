import { isIP } from 'node:net';
import { isPublicAddress } from './address.ts';
import { OutboundError } from './port.ts';

const maxUrlLength = 2048;

/** What can be judged before any look-up. Throws {@link OutboundError} `bad_url` or `address_refused`. */
export function checkUrl(text: string, allowPrivateNetwork: boolean): URL {
  if (text.length > maxUrlLength || !URL.canParse(text))
    throw new OutboundError('bad_url', 'not a usable URL');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new OutboundError('bad_url', 'only http and https are possible');
  if (url.username !== '' || url.password !== '')
    throw new OutboundError('bad_url', 'a URL must not carry credentials');
  if (allowPrivateNetwork) return url;
  if (url.protocol !== 'https:') throw new OutboundError('bad_url', 'https is required');
  // The URL parser has already turned 0x7f.1, 2130706433 and their like into dotted form.
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && !isPublicAddress(host))
    throw new OutboundError('address_refused', `${host} may not be reached from here`);
  return url;
}
