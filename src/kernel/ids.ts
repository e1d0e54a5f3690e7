import { v7 } from 'uuid';

/** What an id names. The prefix makes a stray id in a log or a ticket tell what it is. */
export type IdPrefix =
  | 'ten'
  | 'prv'
  | 'cli'
  | 'agr'
  | 'pol'
  | 'sub'
  | 'trs'
  | 'dep'
  | 'dlg'
  | 'txn'
  | 'jti'
  | 'call'
  | 'evt'
  | 'aud'
  | 'log'
  | 'tly'
  | 'req'
  | 'key'
  | 'inv'
  | 'stl'
  | 'pln';

/** The only source of ids: unique, sortable by creation (UUIDv7, RFC 9562 §5.7), prefixed. */
export interface Ids {
  next(prefix: IdPrefix): string;
}

export const systemIds: Ids = {
  next: (prefix) => `${prefix}_${v7().replaceAll('-', '')}`,
};
