/** Why records could not be taken from one place to another; foreseen, and told as one sentence without a full stop. */
export class TransferError extends Error {
  override readonly name = 'TransferError';
  /**
   * `bad_file`: it is not a whole backup. `file_exists`: another is in its place. `not_empty`: the target has records of its own.
   * `other_copy`: the target is in the middle of a copy of something else. `in_use`: somebody else works on source or target.
   * `mismatch`: what was written is not what was read. `unfinished`: the source is itself an unfinished copy.
   */
  readonly code:
    | 'bad_file'
    | 'file_exists'
    | 'not_empty'
    | 'other_copy'
    | 'in_use'
    | 'mismatch'
    | 'unfinished';

  constructor(code: TransferError['code'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
