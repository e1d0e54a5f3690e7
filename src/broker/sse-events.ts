/** One event of a Server-Sent Events stream (WHATWG HTML §9.2). */
export interface SseEvent {
  /** The bytes in which it came, but for what readers take in two ways: see {@link SseSplitter}. */
  readonly raw: Buffer;
  /** The `data` lines joined; `undefined` for comments and events without data. */
  readonly data: string | undefined;
}

export const maxEventBytes = 4 * 1024 * 1024;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Cuts a byte stream into whole events, so that each can be read before a byte of it is passed on. What is left when the
 * stream ends is an event without its blank line, which readers must ignore. What the caller reads has to be what we have read:
 * a CR alone ends a line for some readers and not for others (the official SDK), so it is passed on as LF; and the byte order
 * mark that readers skip at the beginning is not passed on.
 */
export class SseSplitter {
  /** Grows by doubling: many small chunks of one large event must not cost their square. */
  #pending: Buffer = Buffer.alloc(0);
  #length = 0;
  /** Up to here the pending bytes were searched in vain. */
  #searched = 0;
  #isFirst = true;

  /** Events that are complete with this chunk. Throws `RangeError` when one grows beyond {@link maxEventBytes}. */
  push(chunk: Buffer): readonly SseEvent[] {
    // Mostly a chunk is one or more whole events: then nothing is copied.
    const bytes = this.#length === 0 ? chunk : this.#append(chunk);
    const events: SseEvent[] = [];
    let start = 0;
    for (let end = endOfEvent(bytes, this.#searched); end !== -1; end = endOfEvent(bytes, start)) {
      const raw = bytes.subarray(start, end);
      events.push(readEvent(this.#withoutMark(bytes === chunk ? raw : Buffer.from(raw))));
      start = end;
    }
    const rest = bytes.length - start;
    if (rest > maxEventBytes) throw new RangeError(`an event has more than ${maxEventBytes} bytes`);
    if (start > 0 || bytes === chunk) {
      this.#length = 0;
      this.#append(bytes.subarray(start));
    }
    // A line end may be cut in two by chunks.
    this.#searched = Math.max(0, rest - 3);
    return events;
  }

  #withoutMark(raw: Buffer): Buffer {
    const isMarked = this.#isFirst && raw.subarray(0, 3).equals(byteOrderMark);
    this.#isFirst = false;
    return isMarked ? raw.subarray(3) : raw;
  }

  #append(chunk: Buffer): Buffer {
    const length = this.#length + chunk.length;
    if (length > this.#pending.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, this.#pending.length * 2));
      this.#pending.copy(larger, 0, 0, this.#length);
      this.#pending = larger;
    }
    // `copy` is safe when source and target overlap.
    chunk.copy(this.#pending, this.#length);
    this.#length = length;
    if (length === 0) this.#pending = Buffer.alloc(0);
    return this.#pending.subarray(0, length);
  }
}

/** One past the blank line that ends the first event from `from` on, or -1. Lines end in LF, CR or CRLF. */
function endOfEvent(bytes: Buffer, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    const afterLine = endOfLine(bytes, at);
    if (afterLine === -1) continue;
    const afterBlank = endOfLine(bytes, afterLine);
    if (afterBlank !== -1) return afterBlank;
  }
  return -1;
}

/** One past the line end at `at`, or -1 when there is none. */
function endOfLine(buffer: Buffer, at: number): number {
  if (buffer[at] === 0x0a) return at + 1;
  if (buffer[at] !== 0x0d) return -1;
  return buffer[at + 1] === 0x0a ? at + 2 : at + 1;
}

function readEvent(raw: Buffer): SseEvent {
  const text = raw.toString('utf8');
  const lines = text.split(/\r\n|\n|\r/);
  const data = lines.flatMap((line) => {
    if (line === 'data') return [''];
    return line.startsWith('data:') ? [line.slice(line[5] === ' ' ? 6 : 5)] : [];
  });
  return {
    raw: /\r(?!\n)/.test(text) ? Buffer.from(lines.join('\n'), 'utf8') : raw,
    data: data.length === 0 ? undefined : data.join('\n'),
  };
}
