import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import type { Log } from '../telemetry/log.ts';
import { cedarSchema } from './cedar-schema.ts';
import { type Cedar, ParsedSets } from './parsed-sets.ts';

/** A WebAssembly instance, and what has been parsed in it. */
export interface CedarInstance {
  readonly cedar: Cedar;
  readonly parsed: ParsedSets;
}

/** Cedar gave up in the middle of its work: the instance is gone, and nothing may be taken as decided. */
export class CedarFailure extends Error {
  override readonly name = 'CedarFailure';
}

/** Under which every instance has our schema parsed. */
export const schemaName = 'broker';

export interface CedarRuntime {
  /** Throws {@link CedarFailure}. */
  run<T>(work: (instance: CedarInstance) => T): T;
  isLoaded(): boolean;
}

/**
 * Cedar is loaded when the first policy needs it: a broker without policies pays neither its start (30 ms) nor its memory (70 MB). What traps in
 * WebAssembly leaves the instance broken for good, so a new one takes its place.
 */
export function createCedarRuntime(log: Log): CedarRuntime {
  const require = createRequire(import.meta.url);
  let instance: CedarInstance | undefined;

  function load(): CedarInstance {
    // The V8 of Node 20 aborts the process when optimised code that has a call into WebAssembly inlined is dropped during that call
    // (Deoptimizer::DoComputeBuiltinContinuation, "unreachable code"). Calls that are not inlined cost nothing that could be measured.
    setFlagsFromString('--no-turbo-inline-js-wasm-calls');
    const file = require.resolve('@cedar-policy/cedar-wasm/nodejs');
    // Only when it is loaded anew does the module make another instance.
    Reflect.deleteProperty(require.cache, file);
    const cedar = require(file) as Cedar;
    const parsed = cedar.preparseSchema(schemaName, cedarSchema);
    if (parsed.type === 'failure')
      throw new Error(`our own schema is not valid: ${parsed.errors[0]?.message}`);
    return { cedar, parsed: new ParsedSets(cedar) };
  }

  return {
    isLoaded: () => instance !== undefined,
    run(work) {
      try {
        instance ??= load();
        return work(instance);
      } catch (error) {
        instance = undefined;
        log.error({ err: error }, 'the policy evaluator broke; a new one takes its place');
        throw new CedarFailure('the policy evaluator broke', { cause: error });
      }
    },
  };
}
