import { execFileSync } from 'node:child_process';
import {
  closeSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own that a test can fill to the last byte. */
export interface SmallDisk {
  /** For the data of the program under test. */
  readonly directory: string;
  /** Leaves nothing free. */
  fill(): void;
  /** Gives back what `fill` took. */
  free(): void;
  dispose(): void;
}

/** Mounting needs root (on Linux): `undefined` where that cannot be had. */
export function mountSmallDisk(megabytes: number): SmallDisk | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  const mountPoint = mkdtempSync(join(tmpdir(), 'small-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', mountPoint], {
      stdio: 'ignore',
    });
  } catch {
    // Root in a container often may not mount.
    rmSync(mountPoint, { recursive: true });
    return undefined;
  }
  const ballast = join(mountPoint, 'ballast');
  return {
    directory: join(mountPoint, 'data'),
    fill() {
      const file = openSync(ballast, 'a');
      const page = Buffer.alloc(4096);
      try {
        while (statfsSync(mountPoint).bfree > 0) writeSync(file, page);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    },
    free: () => truncateSync(ballast, 0),
    dispose() {
      execFileSync('umount', ['--lazy', mountPoint]);
      rmSync(mountPoint, { recursive: true });
    },
  };
}
