import { describe, expect, it } from 'vitest';
import { judgeClock } from '../../src/cli/doctor/clock.ts';
import { judgeDisk, sizeOf } from '../../src/cli/doctor/disk.ts';
import { checkNode } from '../../src/cli/doctor/node-version.ts';

describe('judgeDisk', () => {
  const gibibyte = 1024 ** 3;
  const disk = (type: number, free = 10 * gibibyte) => ({ type, bsize: 4096, bavail: free / 4096 });

  it.each([
    ['ext4', disk(0xef53), 'ok', /^local, 10\.0 GiB free$/],
    ['NFS', disk(0x6969), 'fail', /network file system \(NFS\)/],
    // Node hands numbers above 2^31 over as they are, or as negative ones.
    ['CIFS', disk(0xff534d42), 'fail', /\(CIFS\)/],
    ['CIFS, negative', disk(0xff534d42 | 0), 'fail', /\(CIFS\)/],
    ['tmpfs', disk(0x01021994), 'warn', /memory \(tmpfs\)/],
    ['a container’s layer', disk(0x794c7630), 'warn', /overlayfs/],
    ['a full disk', disk(0xef53, 50 * 1024 ** 2), 'fail', /only 50\.0 MiB free/],
    ['a disk that fills', disk(0xef53, 500 * 1024 ** 2), 'warn', /only 500\.0 MiB free/],
  ])('%s', (_, facts, status, message) => {
    expect(judgeDisk(facts, 'linux')).toMatchObject({
      status,
      message: expect.stringMatching(message) as string,
    });
  });

  it('does not read Linux’s numbers elsewhere', () => {
    expect(judgeDisk(disk(0x6969), 'darwin').status).toBe('ok');
  });

  it('writes sizes for people', () => {
    expect([0, 1023, 1024, 1.5 * 1024 ** 2, 3 * 1024 ** 5].map((bytes) => sizeOf(bytes))).toEqual([
      '0 bytes',
      '1023 bytes',
      '1.0 KiB',
      '1.5 MiB',
      '3072.0 TiB',
    ]);
  });
});

describe('judgeClock', () => {
  const now = Date.UTC(2026, 5, 1);

  it.each([
    [undefined, 'ok'],
    [now - 1, 'ok'],
    [now + 5_000, 'ok'],
    [now + 5_001, 'fail'],
  ])('newest entry %s: %s', (newest, status) => {
    expect(judgeClock(now, newest).status).toBe(status);
  });

  it('knows that it is not 1970', () => {
    expect(judgeClock(0, undefined).status).toBe('fail');
  });
});

describe('checkNode', () => {
  it.each([
    ['20.19.0', 'ok'],
    ['20.18.3', 'fail'],
    ['18.20.0', 'fail'],
    ['22.0.0', 'ok'],
    ['24.1.0', 'ok'],
  ])('%s: %s', (version, status) => {
    expect(checkNode(version, '>=20.19').status).toBe(status);
  });
});
