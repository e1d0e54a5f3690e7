import { Failure } from '../failure.ts';
import type { Examples } from './examples.ts';
import { Program, type ProgramSpec } from './program.ts';

/** All processes of the demo but our own. */
export interface Crew {
  /** One that stays. */
  start(spec: ProgramSpec): Program;
  /** One that ends by itself. Throws `failed` unless its exit code is one of `codes`. */
  run(spec: ProgramSpec, codes: readonly number[]): Promise<Program>;
  /** Resolves when one that was to stay is gone, with what to tell. */
  readonly lost: Promise<Failure>;
  /** Ends every one, and waits for it. */
  stop(): Promise<void>;
}

/** `findExamples` is asked at each start, so that what is missing is told where it is missed. */
export function createCrew(findExamples: () => Examples): Crew {
  const running = new Set<Program>();
  let isStopping = false;
  let lose: (failure: Failure) => void = () => undefined;
  const lost = new Promise<Failure>((resolve) => (lose = resolve));
  const killAll = () => {
    for (const program of running) program.kill();
  };
  // The last chance, when something that nobody foresaw ends this process.
  process.once('exit', killAll);

  function begin(spec: ProgramSpec): Program {
    if (isStopping) throw new Failure('failed', `${spec.name} was not started: the demo is being stopped.`);
    const program = new Program(spec, findExamples());
    running.add(program);
    void program.ended.then(() => running.delete(program));
    return program;
  }

  return {
    lost,
    start: (spec) => {
      const program = begin(spec);
      void program.ended.then((how) => {
        if (!isStopping) lose(program.endedEarly(how));
      });
      return program;
    },
    run: async (spec, codes) => {
      const program = begin(spec);
      const how = await program.ended;
      if (how.code === null || !codes.includes(how.code)) throw program.endedEarly(how);
      return program;
    },
    stop: async () => {
      isStopping = true;
      await Promise.all([...running].map((program) => program.stop()));
      process.off('exit', killAll);
    },
  };
}
