import type { z } from 'zod';
import { isJsonObject, type JsonObject, parseJson } from '../../kernel/json.ts';

const kept = 1_000;

/** What a program printed for other programs, one JSON object a line; the last ones of it. */
export class PrintedLines {
  readonly #lines: JsonObject[] = [];
  readonly #watchers = new Set<() => void>();
  #isOver = false;

  /** What is no JSON object is for people, and not kept. */
  take(line: string): void {
    const value = parseJson(line);
    if (!isJsonObject(value)) return;
    this.#lines.push(value);
    if (this.#lines.length > kept) this.#lines.shift();
    this.#tell();
  }

  /** Nothing more will come. */
  end(): void {
    this.#isOver = true;
    this.#tell();
  }

  of<T>(schema: z.ZodType<T>): readonly T[] {
    return this.#lines.flatMap((line) => {
      const parsed = schema.safeParse(line);
      return parsed.success ? [parsed.data] : [];
    });
  }

  /** Resolves as soon as there are `count` of this form; with fewer when nothing more will come, or the time is over. */
  waitFor<T>(schema: z.ZodType<T>, count: number, timeoutMs: number): Promise<readonly T[]> {
    return new Promise((resolve) => {
      const settle = () => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        resolve(this.of(schema));
      };
      const look = () => {
        if (this.#isOver || this.of(schema).length >= count) settle();
      };
      const timer = setTimeout(settle, timeoutMs);
      this.#watchers.add(look);
      look();
    });
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
  }
}
