import { Failure } from '../failure.ts';

/** As `--json` tells it. */
export interface StepRecord {
  readonly name: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly error?: string;
}

export interface StepListener {
  begun(name: string): Promise<void>;
  /** `detail`: what it found, in a few words. */
  ended(record: StepRecord, detail: string): Promise<void>;
}

export interface Step<T> {
  readonly name: string;
  readonly work: () => Promise<T>;
  readonly detail: (result: T) => string;
}

/** Runs one step after the other, and keeps what became of each. */
export class Steps {
  readonly #records: StepRecord[] = [];
  readonly #listener: StepListener;
  readonly #interrupted: Promise<Failure>;

  /** `interrupted`: resolves when no step can succeed any more, with the reason. */
  constructor(listener: StepListener, interrupted: Promise<Failure>) {
    this.#listener = listener;
    this.#interrupted = interrupted;
  }

  get records(): readonly StepRecord[] {
    return this.#records;
  }

  /** Throws `failed`, naming the step, when it does not hold. */
  async run<T>({ name, work, detail }: Step<T>): Promise<T> {
    const begun = performance.now();
    const took = () => Math.round(performance.now() - begun);
    await this.#listener.begun(name);
    let result: T;
    try {
      result = await Promise.race([work(), this.#interruption()]);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      await this.#end({ name, ok: false, ms: took(), error: message }, '');
      throw new Failure('failed', `The step “${name}” did not hold: ${message}`, {
        cause: error,
        hints: error instanceof Failure ? error.hints : stackOf(error),
      });
    }
    await this.#end({ name, ok: true, ms: took() }, detail(result));
    return result;
  }

  async #end(record: StepRecord, detail: string): Promise<void> {
    this.#records.push(record);
    await this.#listener.ended(record, detail);
  }

  async #interruption(): Promise<never> {
    throw await this.#interrupted;
  }
}

/** What nobody foresaw is told with its place. */
function stackOf(error: unknown): readonly string[] {
  return error instanceof Error ? (error.stack ?? '').split('\n').slice(1, 6) : [];
}
