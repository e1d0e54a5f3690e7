import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxEventBytes, SseSplitter } from '../../src/broker/sse-events.ts';

const line = fc.constantFrom(
  'data: {"a":1}',
  'data:x',
  'data',
  ': ping',
  'event: error',
  'id: 7',
  'data: Grüße 🎈',
);
const event = fc
  .tuple(fc.array(line, { minLength: 1, maxLength: 4 }), fc.constantFrom('\n', '\r\n'))
  .map(([lines, end]) => lines.map((text) => text + end).join('') + end);

const linesOf = (bytes: Buffer) =>
  bytes
    .toString()
    .split(/\r\n|\n|\r/)
    .filter((text) => text !== '');

describe('a stream of events', () => {
  it('is cut at the same places however the network cuts it, and no byte is lost', () => {
    const cuts = fc.array(fc.nat(400));
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), cuts, (events, at) => {
        const bytes = Buffer.from(events.join(''));
        const whole = new SseSplitter().push(bytes);
        const splitter = new SseSplitter();
        const places = [0, ...at.map((place) => Math.min(place, bytes.length)), bytes.length].toSorted(
          (a, b) => a - b,
        );
        const parts = places
          .slice(1)
          .flatMap((end, index) => splitter.push(Buffer.from(bytes.subarray(places[index], end))));
        expect(parts.map(({ data }) => data)).toEqual(whole.map(({ data }) => data));
        expect(parts).toHaveLength(events.length);
        // A blank line's LF may come after its CR has ended the event: then there is one blank line more.
        const passed = Buffer.concat(parts.map(({ raw }) => raw));
        expect(linesOf(passed)).toEqual(linesOf(bytes));
        expect(at.length > 0 || passed.equals(bytes)).toBe(true);
      }),
    );
  });

  it('joins data lines and leaves comments without data', () => {
    const events = new SseSplitter().push(Buffer.from(': ping\n\ndata: a\ndata:b\ndata\n\nevent: x\n\n'));
    expect(events.map(({ data }) => data)).toEqual([undefined, 'a\nb\n', undefined]);
  });

  it('passes on lines that end in CR alone as every reader reads them', () => {
    const [event] = new SseSplitter().push(Buffer.from('data: {\r"a":1\ndata: }\r\r'));
    expect(event?.data).toBe('{\n}');
    expect(event?.raw.toString()).toBe('data: {\n"a":1\ndata: }\n\n');
  });

  it('does not pass on the byte order mark that readers skip, and no other', () => {
    const mark = '\uFEFF';
    for (const cut of [1, 2, 3, 9]) {
      const bytes = Buffer.from(`${mark}data: 1\n\n${mark}data: 2\n\n`);
      const splitter = new SseSplitter();
      const events = [...splitter.push(bytes.subarray(0, cut)), ...splitter.push(bytes.subarray(cut))];
      expect(events.map(({ data }) => data)).toEqual(['1', undefined]);
      expect(events[0]?.raw.toString()).toBe('data: 1\n\n');
    }
  });

  it('holds an event back until its blank line has come', () => {
    const splitter = new SseSplitter();
    expect(splitter.push(Buffer.from('data: 1\n'))).toEqual([]);
    expect(splitter.push(Buffer.from('\n'))).toHaveLength(1);
  });

  it('refuses an event without end, and many small pieces of it do not cost their square', () => {
    const splitter = new SseSplitter();
    const piece = Buffer.from('data: 0123456789abcdef\n');
    expect(() => {
      for (let sent = 0; sent <= maxEventBytes + piece.length; sent += piece.length) splitter.push(piece);
    }).toThrow(RangeError);
  });
});
