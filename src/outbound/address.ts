import ipaddr from 'ipaddr.js';

/**
 * Whether outsiders may make us connect to this address: only public unicast ones. IPv6 forms that carry an IPv4
 * address (mapped, NAT64, 6to4) are judged by what they carry. Anything that does not parse is refused.
 */
export function isPublicAddress(text: string): boolean {
  const bare = text.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  // `isValid` of ipaddr.js also takes forms such as 0x7f.1; the connector only ever sees canonical ones.
  if (!ipaddr.isValid(bare)) return false;
  const address = ipaddr.parse(bare);
  return address.kind() === 'ipv4' ? isPublicV4(address as ipaddr.IPv4) : isPublicV6(address as ipaddr.IPv6);
}

/** Public by number, but answered by the cloud's own machinery to each machine in it: Azure's wire server. */
const cloudServices: ReadonlySet<string> = new Set(['168.63.129.16']);

function isPublicV4(address: ipaddr.IPv4): boolean {
  return address.range() === 'unicast' && !cloudServices.has(address.toString());
}

function isPublicV6(address: ipaddr.IPv6): boolean {
  if (address.isIPv4MappedAddress()) return isPublicV4(address.toIPv4Address());
  const range = address.range();
  const bytes = address.toByteArray();
  if (range === '6to4') return isPublicV4(new ipaddr.IPv4(bytes.slice(2, 6)));
  if (range === 'rfc6052') return isPublicV4(new ipaddr.IPv4(bytes.slice(12, 16)));
  // RFC 4291 §2.4: global unicast is assigned from 2000::/3. What lies outside (`::127.0.0.1` among it) is not the Internet.
  return range === 'unicast' && ((bytes[0] ?? 0) & 0xe0) === 0x20;
}
