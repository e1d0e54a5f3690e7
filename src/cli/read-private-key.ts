import type { JWK } from 'jose';
import { isJsonObject, type JsonValue } from '../kernel/json.ts';
import { Failure } from './failure.ts';
import type { CliIo } from './io.ts';
import { readJsonObject } from './read-input.ts';

/** A client's private key (RFC 7517): alone, or the only one in a key set. Throws `usage`. */
export async function readPrivateKey(io: CliIo, path: string): Promise<JWK> {
  const value = await readJsonObject(io, path);
  const keys: JsonValue | undefined = value['keys'];
  const candidates = Array.isArray(keys) ? keys.filter((key: JsonValue) => isJsonObject(key)) : [value];
  const [key, ...others] = candidates.filter((candidate) => typeof candidate['d'] === 'string');
  if (key === undefined)
    throw new Failure('usage', `${path} holds no private key: a JWK with "d" was expected.`);
  if (others.length > 0)
    throw new Failure('usage', `${path} holds several private keys: give a file with one.`);
  return key as JWK;
}
