import { describe, expect, it } from 'vitest';
import { type StepListener, Steps } from '../../../src/cli/demo/steps.ts';
import { storyAsJson } from '../../../src/cli/demo/story.ts';
import { Failure } from '../../../src/cli/failure.ts';

const never = new Promise<Failure>(() => undefined);

function listen(): StepListener & { readonly heard: string[] } {
  const heard: string[] = [];
  return {
    heard,
    begun: (name) => Promise.resolve(void heard.push(`begun ${name}`)),
    ended: ({ name, ok }, detail) => Promise.resolve(void heard.push(`ended ${name} ${ok} ${detail}`)),
  };
}

describe('the steps of the demo', () => {
  it('tell what they found, and are kept in their order', async () => {
    const listener = listen();
    const steps = new Steps(listener, never);
    const found = await steps.run({
      name: 'one',
      work: () => Promise.resolve(41),
      detail: (n) => `found ${n}`,
    });
    await steps.run({ name: 'two', work: () => Promise.resolve(), detail: () => '' });
    expect(found).toBe(41);
    expect(listener.heard).toEqual(['begun one', 'ended one true found 41', 'begun two', 'ended two true ']);
    expect(steps.records).toMatchObject([
      { name: 'one', ok: true, ms: expect.any(Number) as number },
      { name: 'two', ok: true },
    ]);
  });

  it('end the demo with the first that does not hold, and with what to do', async () => {
    const listener = listen();
    const steps = new Steps(listener, never);
    const work = () =>
      Promise.reject(new Failure('refused', 'The port is taken.', { hints: ['Take another.'] }));
    await expect(steps.run({ name: 'one', work, detail: () => 'unused' })).rejects.toMatchObject({
      reason: 'failed',
      message: 'The step “one” did not hold: The port is taken.',
      hints: ['Take another.'],
    });
    expect(listener.heard).toEqual(['begun one', 'ended one false ']);
    expect(steps.records).toMatchObject([{ name: 'one', ok: false, error: 'The port is taken.' }]);
  });

  it('do not wait for work that cannot succeed any more', async () => {
    const steps = new Steps(listen(), Promise.resolve(new Failure('failed', 'Skyways ended by SIGKILL.')));
    const work = () => new Promise<never>(() => undefined);
    await expect(steps.run({ name: 'one', work, detail: () => '' })).rejects.toThrow(
      'Skyways ended by SIGKILL.',
    );
  });

  it('are told as JSON also when the demo ended early', async () => {
    const steps = new Steps(listen(), never);
    await steps.run({ name: 'one', work: () => Promise.resolve(), detail: () => '' });
    await steps
      .run({ name: 'two', work: () => Promise.reject(new Error('no')), detail: () => '' })
      .catch(() => undefined);
    expect(storyAsJson(steps.records, {})).toMatchObject({
      ok: false,
      steps: [
        { name: 'one', ok: true },
        { name: 'two', ok: false, error: 'no' },
      ],
      hops: [],
      isolation: { ok: false },
      usage: [],
      invoice: null,
      settlements: [],
      tieOut: { ok: false },
    });
  });

  it('are not all held as long as the last one is not there', () => {
    const records = [{ name: 'one', ok: true, ms: 1 }];
    expect(storyAsJson(records, {})).toMatchObject({ ok: false });
    expect(storyAsJson(records, { tieOut: { ok: true } })).toMatchObject({ ok: true });
  });
});
