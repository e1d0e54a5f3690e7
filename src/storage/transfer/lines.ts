/**
 * Bytes as lines, without their line feeds. Never holds more than one line and one chunk: a line longer than `maxBytes`, and a last
 * one without its line feed, end in `fail`, which throws.
 */
export async function* linesOf(
  chunks: AsyncIterable<Buffer>,
  maxBytes: number,
  fail: (wrong: string) => never,
): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let held = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const piece = chunk.subarray(start, end);
      if (held + piece.length > maxBytes) fail('has a line that is too long');
      yield pieces.length === 0 ? piece : Buffer.concat([...pieces, piece]);
      pieces = [];
      held = 0;
      start = end + 1;
    }
    held += chunk.length - start;
    if (held > maxBytes) fail('has a line that is too long');
    if (start < chunk.length) pieces.push(chunk.subarray(start));
  }
  if (held > 0) fail('is cut off in the middle of a line');
}
