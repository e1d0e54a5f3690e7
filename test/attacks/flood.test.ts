import { describe, expect, it } from 'vitest';
import { createAudit } from '../../src/audit/index.ts';
import { singlyInWindow } from '../../src/audit/refusal-tally.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { systemIds } from '../../src/kernel/ids.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import { auditOf } from './audit.ts';
import { openStage } from './stage.ts';
import { exchange, postForm } from './token-endpoint.ts';

describe('a flood of requests to the token endpoint', () => {
  it('of strangers fills no log, and is counted to the last one', async () => {
    const memory = openMemoryStore({ clock: systemClock });
    const store = { ...memory, close: () => Promise.resolve() };
    const stage = await openStage({ store });
    const refused = async () =>
      (await auditOf(stage)).filter(
        ({ action, outcome }) => action === 'token.issue' && outcome === 'refused',
      );
    const answers = await Promise.all(
      Array.from({ length: 150 }, () => postForm(stage.url, { grant_type: 'client_credentials' })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
    expect(await refused()).toHaveLength(singlyInWindow);
    await stage.close();

    const { items } = await createAudit({ store, clock: systemClock, ids: systemIds }).list({ limit: 1000 });
    const entries = items.map(({ value }) => value).filter(({ action }) => action === 'token.issue');
    expect(entries).toHaveLength(singlyInWindow + 1);
    expect(entries.reduce((sum, { detail }) => sum + Number(detail?.['count'] ?? 1), 0)).toBe(150);
  });

  it('of a client that is known is listed one by one', async () => {
    const stage = await openStage();
    for (let n = 0; n < singlyInWindow + 5; n++)
      await exchange(stage, stage.acme, { audience: 'nobody/nothing' });
    const entries = await auditOf(stage, `client=${stage.acme.clientId}`);
    expect(entries.filter(({ outcome }) => outcome === 'refused')).toHaveLength(singlyInWindow + 5);
    await stage.close();
  });
});
