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
        // A blank line's LF may come after its CR has ended the event; then it leads the next one.
        const passed = Buffer.concat(parts.map(({ raw }) => raw));
        expect(passed.equals(bytes) || Buffer.concat([passed, Buffer.from('\n')]).equals(bytes)).toBe(true);
      }),
    );
  });

  it('joins data lines and leaves comments without data', () => {
    const events = new SseSplitter().push(Buffer.from(': ping\n\ndata: a\ndata:b\ndata\n\nevent: x\n\n'));
    expect(events.map(({ data }) => data)).toEqual([undefined, 'a\nb\n', undefined]);
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
