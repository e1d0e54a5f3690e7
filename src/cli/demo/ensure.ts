import { canonicalJson } from '../../kernel/canonical-json.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../kernel/json.ts';
import type { ApiClient, ApiRequest } from '../api-client.ts';
import { Failure } from '../failure.ts';

/** Something that the broker must know. */
export interface Wanted {
  /** For people, such as `the provider skyways`. */
  readonly what: string;
  readonly path: string;
  readonly body: JsonObject;
  /** Reads the one that is there already; `undefined` when it is somebody else's. */
  readonly existing: () => Promise<JsonObject | undefined>;
  /** What must be so for the one that is there to be kept. */
  readonly same: JsonObject;
}

export type Ensured = 'made' | 'kept';

/**
 * Makes it; or keeps what an earlier start made, when that says the same. Throws `failed` when there is another one in its
 * place: it is somebody's, and never overwritten.
 */
export async function ensure(api: ApiClient, { what, path, body, existing, same }: Wanted): Promise<Ensured> {
  try {
    await api.request({ method: 'POST', path, body });
    return 'made';
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
  const found = await existing();
  if (found === undefined)
    throw new Failure('failed', `${capital(what)} belongs to somebody else at this broker.`);
  const [difference] = differences(found, same);
  if (difference === undefined) return 'kept';
  throw new Failure('failed', `${capital(what)} is there from an earlier start, but ${difference}.`, {
    hints: ['Change it back (a2a-broker --help), or start afresh with another BROKER_DATA_DIR.'],
  });
}

/** In words: which members of `wanted` the other one has otherwise. */
export function differences(found: JsonObject, wanted: JsonObject): readonly string[] {
  return Object.entries(wanted)
    .filter(([name, value]) => canonicalJson(found[name] ?? null) !== canonicalJson(value))
    .map(([name, value]) => `its ${name} is ${show(found[name])}, not ${show(value)}`);
}

/** The answer to a GET of one thing. */
export async function read(api: ApiClient, path: string): Promise<JsonObject | undefined> {
  const { body } = await api.request({ path });
  return isJsonObject(body) ? body : undefined;
}

/** The first of a list that fits. */
export async function find(
  api: ApiClient,
  list: ApiRequest,
  fits: (item: JsonObject) => boolean,
): Promise<JsonObject | undefined> {
  for await (const page of api.pages(list)) {
    const found = page.find((item) => fits(item));
    if (found !== undefined) return found;
  }
  return undefined;
}

function isConflict(error: unknown): boolean {
  return error instanceof Failure && isJsonObject(error.problem) && error.problem['status'] === 409;
}

function show(value: JsonValue | undefined): string {
  return value === undefined ? 'absent' : typeof value === 'string' ? value : canonicalJson(value);
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
