import { type Check, fail, ok, warn } from './check.ts';

/** As much of `statfs` as matters here. */
export interface DiskFacts {
  readonly type: number;
  readonly bsize: number;
  readonly bavail: number;
}

const mebibyte = 1024 * 1024;
const tooLittle = 100 * mebibyte;
const little = 1024 * mebibyte;

/** File systems of Linux by their magic number (statfs(2)). */
const network: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x5346414f, 'AFS'],
  [0x01021997, '9P'],
]);
const passing: ReadonlyMap<number, string> = new Map([
  [0x01021994, 'memory (tmpfs): it is gone at the next boot'],
  [0x858458f6, 'memory (ramfs): it is gone at the next boot'],
  [0x794c7630, 'the container’s own layer (overlayfs): it is gone with the container'],
  [0x65735546, 'FUSE: whether it keeps LMDB’s promises depends on what is behind it'],
]);

const mountDisk = 'Put BROKER_DATA_DIR on a local disk or a block volume.';

/** LMDB maps its file into memory and locks it, which works within one machine only (its own documentation, “Caveats”). */
export function judgeDisk({ type, bsize, bavail }: DiskFacts, platform: NodeJS.Platform): Check {
  const name = 'disk';
  const kind = platform === 'linux' ? type >>> 0 : -1;
  const remote = network.get(kind);
  if (remote !== undefined)
    return fail(
      name,
      `the data are on a network file system (${remote}), where they can be damaged`,
      mountDisk,
    );
  const free = bsize * bavail;
  const space = `${sizeOf(free)} free`;
  if (free < tooLittle) return fail(name, `only ${space}`, 'Make room: without it, writes are refused.');
  if (free < little) return warn(name, `only ${space}`, 'Make room before it is needed.');
  const doubtful = passing.get(kind);
  return doubtful === undefined
    ? ok(name, `local, ${space}`)
    : warn(name, `the data are in ${doubtful}; ${space}`, mountDisk);
}

/** Bytes for people. */
export function sizeOf(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1);
  return `${(bytes / 1024 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step]}`;
}
