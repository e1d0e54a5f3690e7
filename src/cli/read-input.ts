import { open, readFile } from 'node:fs/promises';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts';
import { Failure, systemReason } from './failure.ts';
import type { CliIo } from './io.ts';

const maxInputBytes = 4 * 1024 * 1024;

/** Commands whose standard input was read: a second reader would find nothing there, and take it for an empty file. */
const readOnce = new WeakSet<CliIo>();

/** A file's text, or standard input's for `-`. Throws `usage` when it cannot be read or is far too large. */
export async function readInput(io: CliIo, path: string): Promise<string> {
  if (path === '-') {
    if (readOnce.has(io)) throw new Failure('usage', 'Only one thing can come from standard input.');
    readOnce.add(io);
    return readAll(io.stdin ?? process.stdin, 'Standard input');
  }
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (size > maxInputBytes) throw tooLarge(path);
      return await readFile(file, 'utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure('usage', `${path} cannot be read: ${systemReason(error)}.`, { cause: error });
  }
}

/** A secret in a file: its text without the line end. Never its content in a message. */
export async function readSecret(io: CliIo, path: string, what: string): Promise<string> {
  return asSecret((await readInput(io, path)).trim(), nameOf(path), what);
}

/** The text, when it can be a token at all. Throws `usage`; what refuses it later might repeat it. */
export function asSecret(text: string, source: string, what: string): string {
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  throw new Failure('usage', `${source} does not hold ${what}: one line of visible ASCII was expected.`);
}

export async function readJson(io: CliIo, path: string): Promise<JsonValue> {
  const value = parseJson(await readInput(io, path));
  if (value === undefined) throw new Failure('usage', `${nameOf(path)} does not hold valid JSON.`);
  return value;
}

export async function readJsonObject(io: CliIo, path: string): Promise<JsonObject> {
  const value = await readJson(io, path);
  if (!isJsonObject(value)) throw new Failure('usage', `${nameOf(path)} must hold one JSON object.`);
  return value;
}

/** Members of a JWK that only a private or a shared key has (RFC 7518 §6). */
const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** A set of public keys. Throws `usage`, before anything is sent, for a file that holds a private key. */
export async function readPublicKeys(io: CliIo, path: string): Promise<JsonObject> {
  const value = await readJsonObject(io, path);
  const keys = Array.isArray(value['keys']) ? value['keys'] : [value];
  if (keys.some((key: JsonValue) => isJsonObject(key) && secretMembers.some((name) => name in key)))
    throw new Failure('usage', `${nameOf(path)} holds a private key. Nothing was sent.`, {
      hints: ['Give the file with the public keys: what `keys create` wrote for --public.'],
    });
  if (!Array.isArray(value['keys']))
    throw new Failure('usage', `${nameOf(path)} is no key set: {"keys": […]} was expected (RFC 7517 §5).`);
  return value;
}

async function readAll(stream: AsyncIterable<unknown>, name: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk), 'utf8');
    size += bytes.length;
    if (size > maxInputBytes) throw tooLarge(name);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function tooLarge(name: string): Failure {
  return new Failure('usage', `${name} has more than ${maxInputBytes} bytes.`);
}

function nameOf(path: string): string {
  return path === '-' ? 'Standard input' : path;
}
