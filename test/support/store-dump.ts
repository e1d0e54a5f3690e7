import { join } from 'node:path';
import { open } from 'lmdb';

export interface DumpedRecord {
  readonly partition: string;
  readonly sort: string;
  readonly version: string;
  readonly value: unknown;
}

/** Every record in an embedded store, read beside the broker's own code and without changing anything. */
export async function dumpStore(directory: string): Promise<readonly DumpedRecord[]> {
  const root = open<string, Buffer>({
    path: join(directory, 'broker.mdb'),
    keyEncoding: 'binary',
    encoding: 'string',
    maxDbs: 2,
    readOnly: true,
  });
  const records = root.openDB<string, Buffer>({ name: 'records', keyEncoding: 'binary', encoding: 'string' });
  const dumped = [...records.getRange()].map(({ key, value }) => {
    const [partition = '', sort = ''] = key.toString('utf8').split('\0', 2);
    const [version = '', expiry = ''] = value.split(' ', 2);
    const json = value.slice(version.length + expiry.length + 2);
    return { partition, sort, version, value: JSON.parse(json) as unknown };
  });
  await root.close();
  return dumped;
}
