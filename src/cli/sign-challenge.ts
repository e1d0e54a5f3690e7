import { importJWK, type JWK, SignJWT } from 'jose';
import { asText, isJsonObject } from '../kernel/json.ts';
import { connect, type ConnectionOptions } from './connection.ts';
import { Failure } from './failure.ts';
import type { CliIo } from './io.ts';
import { write, writeJson } from './output.ts';
import { readPrivateKey } from './read-private-key.ts';

/** RSA and OKP keys may be used with several algorithms; these are the ones that every trust record has. */
const algorithmOf: Readonly<Record<string, string>> = { EC: 'ES256', OKP: 'EdDSA', RSA: 'PS256' };

/** The challenge of the trust record at `path`, signed as an issuer's owner has to, for an hour. */
export async function signChallenge(
  io: CliIo,
  options: ConnectionOptions & { readonly key: string },
  path: string,
): Promise<void> {
  const key = await readPrivateKey(io, options.key);
  const { body } = await (await connect(io, options)).request({ path });
  const { issuer, challenge } = isJsonObject(body) ? body : {};
  if (!isJsonObject(challenge))
    throw new Failure('refused', 'The issuer has no challenge: nothing is to be proven.');
  const proof = await sign(key, options.key, {
    iss: asText(issuer),
    aud: asText(challenge['audience']),
    challenge: asText(challenge['value']),
  });
  if (options.json === true) return writeJson(io, JSON.stringify({ proof }));
  await write(io.stdout, `${proof}\n`);
}

async function sign(key: JWK, path: string, claims: Readonly<Record<string, string>>): Promise<string> {
  const alg = key.alg ?? algorithmOf[key.kty ?? ''] ?? '';
  try {
    return await new SignJWT({ ...claims })
      .setProtectedHeader({
        alg,
        typ: 'a2a-broker-challenge+jwt',
        ...(key.kid === undefined ? {} : { kid: key.kid }),
      })
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(await importJWK(key, alg));
  } catch (error) {
    throw new Failure(
      'usage',
      `The key in ${path} cannot be used: ${error instanceof Error ? error.message : 'it is not valid'}`,
      {
        cause: error,
      },
    );
  }
}
