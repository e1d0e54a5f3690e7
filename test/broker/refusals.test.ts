import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorAnswer, Refusal, refusalKinds, type RefusalReason } from '../../src/broker/refusals.ts';

const reasons = Object.keys(refusalKinds) as RefusalReason[];

describe('failures of ours', () => {
  it('are in the room’s table, all of them and no others', () => {
    const rows = [
      ...readFileSync('src/broker/README.md', 'utf8').matchAll(
        /^\| `([A-Z_]+)` +\| +(-\d+) +\| +(\d+) +\|$/gm,
      ),
    ].map(([, reason, code, status]) => [reason, { code: Number(code), status: Number(status) }]);
    const kinds = Object.entries(refusalKinds).map(([reason, { code, status }]) => [
      reason,
      { code, status },
    ]);
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(kinds));
    expect(rows).toHaveLength(kinds.length);
  });

  it('have a code each, so that a program can tell them apart', () => {
    expect(new Set(reasons.map((reason) => refusalKinds[reason].code)).size).toBe(reasons.length);
  });

  it('keep what is for the log out of the answer', () => {
    const refusal = new Refusal('TASK_NOT_FOUND', { detail: { foreign: true }, cause: new Error('secret') });
    expect(JSON.stringify(errorAnswer(refusal, 7, 'broker.example'))).toBe(
      '{"jsonrpc":"2.0","id":7,"error":{"code":-32001,"message":"Task not found","data":[{"@type":' +
        '"type.googleapis.com/google.rpc.ErrorInfo","reason":"TASK_NOT_FOUND","domain":"a2a-protocol.org"}]}}',
    );
  });

  it('carry the broker’s own domain unless A2A defines the reason', () => {
    const answer = errorAnswer(new Refusal('NOT_SUBSCRIBED'), 'x', 'broker.example');
    expect(answer).toMatchObject({
      id: 'x',
      error: { data: [{ reason: 'NOT_SUBSCRIBED', domain: 'broker.example' }] },
    });
  });
});
