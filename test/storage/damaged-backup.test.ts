import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import { restoreBackup } from '../../src/storage/transfer/restore-backup.ts';
import { TransferError } from '../../src/storage/transfer/transfer-error.ts';
import { writeBackup } from '../../src/storage/transfer/write-backup.ts';
import { testClock } from '../support/clock.ts';
import { fill, sampleRecords } from '../support/records.ts';

const clock = testClock();
let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'broker-damaged-'));
  path = join(directory, 'a.jsonl');
  const store = openMemoryStore({ clock });
  await fill(store, sampleRecords(clock.now() / 1000));
  await writeBackup({ store, path, clock, broker: '1.2.3', force: false, progress: () => undefined });
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('a file that is not a whole backup is refused before anything is opened', () => {
  const end = (text: string) => text.lastIndexOf('{"end"');
  const second = (text: string) => text.indexOf('\n') + 1;
  const insert = (text: string, at: number, line: string) => text.slice(0, at) + line + text.slice(at);
  const asItIs = (text: string) => text;
  type Damage = (text: string) => string | Uint8Array;
  const plain: [string, Damage, string][] = [
    ['empty', () => '', 'is empty'],
    ['something else', () => 'hello\nworld\n', 'is not a backup of a broker'],
    ['other JSON', () => '{"format":"tar"}\n', 'is not a backup of a broker'],
    [
      'of a later format',
      (text) => text.replace('"version":1', '"version":2'),
      'has version 2 of the format, and this broker reads version 1',
    ],
    ['cut in the header', (text) => text.slice(0, 20), 'is cut off in the middle of a line'],
    ['cut in a record', (text) => text.slice(0, 5000), 'is cut off in the middle of a line'],
    ['cut after a record', (text) => text.slice(0, end(text)), 'is cut off: it has no end'],
    ['cut in its last line', (text) => text.slice(0, -1), 'is cut off in the middle of a line'],
    [
      'without a record',
      (text) => text.replace(/\n.*\n/, '\n'),
      'has 401 records, and its end speaks of 402',
    ],
    ['edited', (text) => text.replace('ü7"', 'ü8"'), 'was changed: its digest is another'],
    [
      'reordered',
      (text) => text.replace(/\n(.*)\n(.*)\n/, '\n$2\n$1\n'),
      'was changed: its digest is another',
    ],
    [
      'longer than its end',
      (text) => `${text}{"partition":"a","sort":"b","value":1}\n`,
      'goes on after its end',
    ],
    ['with a second end', (text) => text + text.slice(end(text)), 'goes on after its end'],
    ['with bytes after its end', (text) => `${text}x`, 'is cut off in the middle of a line'],
    [
      'with one huge line',
      (text) => insert(text, second(text), 'x'.repeat(3_000_000)),
      'has a line that is too long',
    ],
    [
      'with a line that is no JSON',
      (text) => insert(text, second(text), 'x\n'),
      'has a line that is not a JSON object',
    ],
    [
      'with an unknown member',
      (text) => text.replace('"value"', '"extra":1,"value"'),
      'has a record with members that are not known',
    ],
    [
      'without a value',
      (text) => insert(text, second(text), '{"partition":"a","sort":"b"}\n'),
      'has a line that is no record',
    ],
    [
      'with an empty key',
      (text) => insert(text, second(text), '{"partition":"","sort":"b","value":1}\n'),
      'has a wrong key: a partition must have 1 to 512 bytes, this one has 0',
    ],
    [
      'with an expiry in text',
      (text) => insert(text, second(text), '{"partition":"a","sort":"b","value":1,"expiresAt":"9"}\n'),
      'has a record whose expiry is not in epoch seconds',
    ],
    [
      'with a value that is too large',
      (text) => insert(text, second(text), `{"partition":"a","sort":"b","value":"${'x'.repeat(350_000)}"}\n`),
      'has a record that is too large',
    ],
    [
      'with a value that is too deep',
      (text) =>
        insert(
          text,
          second(text),
          `{"partition":"a","sort":"b","value":${'['.repeat(170_000)}${']'.repeat(170_000)}}\n`,
        ),
      'has a record that is too deep',
    ],
  ];
  const compressed: [string, Damage, string][] = [
    ['not compressed, as its name says', asItIs, 'is not whole: it cannot be decompressed'],
    [
      'compressed and cut',
      (text) => gzipSync(text).subarray(0, -200),
      'is not whole: it cannot be decompressed',
    ],
    [
      'compressed, with another checksum',
      (text) => gzipSync(text).map((byte, at, { length }) => (at === length - 6 ? byte ^ 255 : byte)),
      'is not whole: it cannot be decompressed',
    ],
    ['a bomb', () => gzipSync(Buffer.alloc(100_000_000, 32)), 'has a line that is too long'],
  ];

  it.each(plain)('%s', async (_, damage, message) => {
    expect(await outcomeOf(damage, 'a.jsonl')).toEqual({ bad: message, opened: false });
  });
  it.each(compressed)('%s', async (_, damage, message) => {
    expect(await outcomeOf(damage, 'a.jsonl.gz')).toEqual({ bad: message, opened: false });
  });

  /** What is said of the file, and whether anything was touched before. */
  async function outcomeOf(damage: Damage, name: string): Promise<{ bad?: string; opened: boolean }> {
    const text = await readFile(path, 'utf8');
    const damaged = damage(text);
    if (damaged === text && damage !== asItIs) throw new Error('nothing was damaged');
    const file = join(directory, `bad-${name}`);
    await writeFile(file, damaged);
    let opened = false;
    const openTarget = () => {
      opened = true;
      return Promise.resolve(openMemoryStore({ clock }));
    };
    try {
      await restoreBackup({ path: file, openTarget, clock, progress: () => undefined });
      return { opened };
    } catch (error) {
      if (!(error instanceof TransferError && error.code === 'bad_file')) throw error;
      return { bad: error.message.replace(`${file} `, ''), opened };
    }
  }
});
