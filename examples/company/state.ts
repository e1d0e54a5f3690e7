import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';

/** What makes a company the same company after a restart: its keys, and the address in its issuer's name. */
export interface State {
  /** An ES256 key pair of this name, made when first asked for. The JWK is private. */
  key(name: string): Promise<JWK>;
  /** The one of an earlier start, unless another is asked for; 0 lets the system choose. */
  port(requested: number): Promise<number>;
  rememberPort(port: number): Promise<void>;
}

export async function openState(directory: string): Promise<State> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const read = async (file: string): Promise<string | undefined> => {
    try {
      return await readFile(join(directory, file), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  };
  return {
    async key(name) {
      const file = `${name}.private.jwk.json`;
      const known = await read(file);
      if (known !== undefined) return JSON.parse(known) as JWK;
      const { privateKey } = await generateKeyPair('ES256', { extractable: true });
      const jwk = await exportJWK(privateKey);
      const made = { ...jwk, alg: 'ES256', use: 'sig', kid: await calculateJwkThumbprint(jwk) };
      // Exclusive: two first starts in one directory must not each believe in a key of their own.
      await writeFile(join(directory, file), JSON.stringify(made), { mode: 0o600, flag: 'wx' });
      return made;
    },
    async port(requested) {
      return requested === 0 ? Number((await read('port')) ?? 0) : requested;
    },
    rememberPort: (port) => writeFile(join(directory, 'port'), String(port)),
  };
}

export function publicJwks(...keys: readonly JWK[]): { readonly keys: readonly JWK[] } {
  return { keys: keys.map(({ d: _, ...publicPart }) => publicPart) };
}
