import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { isIP, type Socket } from 'node:net';
import { buildConnector } from 'undici';
import { isPublicAddress } from './address.ts';
import { OutboundError } from './port.ts';

/** Resolves a host name to all its addresses. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

export const resolveBySystem: Resolve = (hostname) =>
  new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, addresses) => {
      if (error === null) resolve(addresses);
      else reject(error);
    });
  });

/**
 * An undici connector that refuses private addresses at the moment of connecting. The name is resolved once, every
 * address is judged, and the connection goes to one that was judged: what a second look-up would say does not matter
 * (DNS rebinding). The connected socket's own address has the last word.
 */
export function guardedConnector(options: {
  readonly allowPrivateNetwork: boolean;
  readonly resolve: Resolve;
  readonly timeoutMs: number;
}): buildConnector.connector {
  const allowed = (address: string) => options.allowPrivateNetwork || isPublicAddress(address);
  const connect = buildConnector({
    timeout: options.timeoutMs,
    lookup: (hostname, lookupOptions, callback) => {
      options.resolve(hostname).then(
        (addresses) => {
          const first = addresses[0];
          if (first === undefined || !addresses.every(({ address }) => allowed(address)))
            callback(refused(hostname), '', 0);
          else if (lookupOptions.all === true) callback(null, [...addresses]);
          else callback(null, first.address, first.family);
        },
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), '', 0),
      );
    },
  });

  return (target, callback) => {
    const host = target.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) !== 0 && !allowed(host)) {
      callback(refused(host), null);
      return;
    }
    connect(target, (error, socket) => {
      if (error !== null) {
        callback(error, null);
        return;
      }
      if (!allowed(remoteAddress(socket))) {
        socket.destroy();
        callback(refused(host), null);
        return;
      }
      callback(null, socket);
    });
  };
}

function remoteAddress(socket: Socket): string {
  return socket.remoteAddress ?? '';
}

function refused(host: string): OutboundError {
  return new OutboundError(
    'address_refused',
    `${host} is, or resolves to, an address that may not be reached from here`,
  );
}
