import { isJsonObject } from '../../kernel/json.ts';
import { createApiClient } from '../api-client.ts';
import { Failure } from '../failure.ts';

/** What listens at an address, as far as it says. */
export interface Answering {
  /** The issuer in its metadata (RFC 8414); `undefined` when it is no broker. */
  readonly issuer: string | undefined;
  readonly isReady: boolean;
}

export const askTimeoutMs = 5_000;

/** `undefined` when there is no answer at all, and why. Sends no token. */
export async function askBroker(address: string): Promise<Answering | { readonly unreachable: string }> {
  const api = createApiClient({ broker: address, token: undefined });
  const read = (path: string) => api.request({ path, timeoutMs: askTimeoutMs });
  try {
    const { body } = await read('/.well-known/oauth-authorization-server');
    const issuer = isJsonObject(body) && typeof body['issuer'] === 'string' ? body['issuer'] : undefined;
    return {
      issuer,
      isReady: issuer !== undefined && (await isFine(read, '/healthz')) && (await isFine(read, '/readyz')),
    };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return error.reason === 'unreachable'
      ? { unreachable: error.message }
      : { issuer: undefined, isReady: false };
  }
}

async function isFine(read: (path: string) => Promise<unknown>, path: string): Promise<boolean> {
  try {
    await read(path);
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}
