import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../support/broker-process.ts';
import { call, type Operator } from '../support/market.ts';
import { processesWith, startDemo } from './demo-process.ts';

/** Eleven processes on however many cores there are. */
const patience = 120_000;

describe('the demo', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'demo-test-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  /** What the demo itself made in its TMPDIR; tsx keeps a cache there too. */
  const temporary = async () =>
    (await readdir(directory)).filter((name) => name.startsWith('a2a-broker-demo-'));

  it(
    'runs once, tells everything in one object, and leaves nothing behind',
    { timeout: patience },
    async () => {
      const demo = startDemo(['--once', '--json'], { TMPDIR: directory, LOG_LEVEL: 'debug' });
      expect([await demo.ended, demo.errors()]).toEqual([0, '']);
      expect(demo.output().trimEnd().split('\n')).toHaveLength(1);

      const step = (name: string) => ({ name, ok: true, ms: expect.any(Number) as number });
      const hop = (agent: string, audTenant: string, actDepth: number) => ({
        agent,
        tenant: 'acme',
        audTenant,
        sub: expect.stringMatching(/^\S{20,}$/) as string,
        actDepth,
        txn: expect.stringMatching(/^\S{20,}$/) as string,
      });
      const story = JSON.parse(demo.output()) as Told;
      expect(story).toEqual({
        ok: true,
        steps: [
          'data',
          'broker',
          'programs',
          'registration',
          'question',
          'isolation',
          'usage',
          'books',
          'tie-out',
        ].map(step),
        hops: [
          hop('concierge/planner', 'guest-1042', 1),
          hop('skyways/flights', 'SKY-77310', 2),
          hop('northpay/payments', 'np_acct_5d2', 3),
        ],
        isolation: { ok: true },
        usage: expect.any(Array) as unknown,
        invoice: {
          number: 'INV-000001',
          currency: 'EUR',
          total: '2.28',
          lines: expect.any(Array) as unknown,
        },
        settlements: [
          { provider: 'concierge', gross: '1.24', commission: '0.19', net: '1.05' },
          { provider: 'northpay', gross: '0.37', commission: '0.02', net: '0.35' },
          { provider: 'skyways', gross: '0.67', commission: '0.07', net: '0.60' },
        ],
        tieOut: { ok: true },
      });
      expect(new Set(story.hops.map(({ txn }) => txn)).size).toBe(1);
      expect(new Set(story.hops.map(({ sub }) => sub)).size).toBe(3);
      expect(
        story.invoice.lines.map(({ agent, meter, quantity, amount }) => [agent, meter, quantity, amount]),
      ).toEqual([
        ['concierge/planner', 'calls', '2', '0.04'],
        ['concierge/planner', 'itineraries', '1', '1.20'],
        ['northpay/payments', 'calls', '1', '0.02'],
        ['northpay/payments', 'payments', '1', '0.35'],
        ['skyways/flights', 'calls', '1', '0.02'],
        ['skyways/flights', 'stream_events', '9', '0.05'],
        ['skyways/flights', 'searches', '3', '0.60'],
      ]);
      expect(counts(story.usage, 'observed', ['calls', 'tasks', 'stream_events'])).toEqual([
        'concierge/planner calls 2',
        'concierge/planner tasks 1',
        'northpay/payments calls 1',
        'northpay/payments tasks 1',
        'skyways/flights calls 1',
        'skyways/flights stream_events 9',
        'skyways/flights tasks 1',
      ]);
      expect(counts(story.usage, 'reported')).toEqual([
        'concierge/planner itineraries 1',
        'northpay/payments payments 1',
        'skyways/flights searches 3',
      ]);

      expect(await temporary()).toEqual([]);
      expect(processesWith(directory)).toEqual([]);
    },
  );

  it(
    'stays up until Ctrl-C, is found again by the next start, and ends when a company does',
    { timeout: 2 * patience },
    async () => {
      const port = await freePort();
      const first = startDemo([], { BROKER_DATA_DIR: directory, PORT: String(port), LOG_LEVEL: 'debug' });
      await first.printed('a2a-broker audit list');
      const text = first.output();
      for (const shown of [
        /└─ acme-travel-app +→ concierge\/planner/,
        /└─ concierge-planner +→ skyways\/flights +and follows its stream/,
        /northpay\/payments +acme-travel-app › planner › flights/,
        /\d+ ms +statusUpdate +working +Booking SK418 for 129.50 EUR/,
        /Globex +GetTask \S+ +TASK_NOT_FOUND/,
        /Acme +GetTask \S+ +TASK_STATE_COMPLETED/,
        /skyways\/flights +calls 1 · stream_events 9 · tasks 1 +searches 3/,
        /Invoice INV-000001 to Acme/,
        /✓ 2.28 EUR invoiced = 2.28 gross = 2.00 to the companies \+ 0.28 commission/,
      ])
        expect(text).toMatch(shown);
      expect(await readFile(join(directory, 'demo', 'broker.log'), 'utf8')).toContain('a call was refused');
      // No terminal, no colour; and never wider than promised.
      expect(text).not.toContain('\u001B');
      expect(text.split('\n').filter((line) => line.length > 100)).toEqual([]);

      const operator = await operatorOf(port, directory);
      const identities = await identitiesAt(operator);
      expect(await runInShell(commandIn(text))).toMatchObject({
        answer: { user: 'alice', tenant: 'acme', task: { status: { state: 'TASK_STATE_COMPLETED' } } },
      });

      first.signal('SIGINT');
      expect([await first.ended, first.errors()]).toEqual([
        0,
        '\nStopping: the companies first, then the broker.\n',
      ]);
      expect(processesWith(directory)).toEqual([]);

      const second = startDemo(['--json'], { BROKER_DATA_DIR: directory });
      await second.printed('\n');
      const story = JSON.parse(second.output()) as Told;
      expect(story).toMatchObject({
        ok: true,
        invoice: { number: 'INV-000001', total: '2.28' },
        tieOut: { ok: true },
      });
      expect(await identitiesAt(operator)).toEqual(identities);
      // The same person, as each provider knows her.
      for (const { sub } of story.hops) expect(text).toContain(sub);
      // Two more trips, after the month was closed.
      const { invoices } = await call<Draft>(operator, 'GET', '/v1/tenants/acme/invoices/draft');
      expect(
        invoices.flatMap(({ lines }) => lines).find(({ meter }) => meter === 'itineraries'),
      ).toMatchObject({
        quantity: '3',
        amount: '2.40',
      });

      // Without one of its companies it is no demo any more.
      const [skyways] = processesWith(join(directory, 'demo', 'skyways'));
      if (skyways === undefined) throw new Error('Skyways does not run');
      process.kill(skyways.pid, 'SIGKILL');
      expect(await second.ended).toBe(1);
      expect(JSON.parse(second.errors())).toMatchObject({
        error: { message: 'Skyways ended by SIGKILL, although it was needed.' },
      });
      expect(processesWith(directory)).toEqual([]);
    },
  );

  it('leaves no process behind when it is killed', { timeout: patience }, async () => {
    const demo = startDemo(['--json'], { BROKER_DATA_DIR: directory, PORT: String(await freePort()) });
    await demo.printed('\n');
    expect(processesWith(directory)).toHaveLength(5);
    demo.signal('SIGKILL');
    await demo.ended;
    await vi.waitFor(() => expect(processesWith(directory)).toEqual([]), 10_000);
  });

  it('can be stopped while it starts', { timeout: patience }, async () => {
    const demo = startDemo(['--once', '--json'], { TMPDIR: directory });
    await vi.waitFor(
      () => expect(processesWith(join(directory, 'a2a-broker-demo-')).length).toBeGreaterThanOrEqual(5),
      patience,
    );
    demo.signal('SIGHUP');
    expect(await demo.ended).toBe(1);
    expect(JSON.parse(demo.output())).toMatchObject({ ok: false, invoice: null, tieOut: { ok: false } });
    expect(JSON.parse(demo.errors())).toMatchObject({
      error: {
        message: expect.stringMatching(
          /^The step .* did not hold: It was interrupted by SIGHUP\.$/,
        ) as string,
      },
    });
    expect(await temporary()).toEqual([]);
    expect(processesWith(directory)).toEqual([]);
  });

  it('says in the step that failed why it cannot start', { timeout: patience }, async () => {
    const demo = startDemo(['--json'], {
      BROKER_DATA_DIR: directory,
      BROKER_URL: 'https://broker.example.com',
    });
    expect(await demo.ended).toBe(1);
    expect(JSON.parse(demo.output())).toMatchObject({
      ok: false,
      steps: [
        { name: 'data', ok: false, error: expect.stringContaining('runs on this machine alone') as string },
      ],
    });
  });
});

interface Told {
  readonly hops: readonly { readonly sub: string; readonly txn: string }[];
  readonly usage: readonly {
    readonly agent: string;
    readonly kind: string;
    readonly meter: string;
    readonly quantity: string;
  }[];
  readonly invoice: {
    readonly lines: readonly {
      readonly agent: string;
      readonly meter: string;
      readonly quantity: string;
      readonly amount: string;
    }[];
  };
}

interface Draft {
  readonly invoices: readonly { readonly lines: readonly { readonly meter: string }[] }[];
}

function counts(usage: Told['usage'], kind: string, meters?: readonly string[]): readonly string[] {
  return usage
    .filter((row) => row.kind === kind && (meters === undefined || meters.includes(row.meter)))
    .map(({ agent, meter, quantity }) => `${agent} ${meter} ${quantity}`);
}

/** With the token that the demo left for the operator's commands. */
async function operatorOf(port: number, directory: string): Promise<Operator> {
  const token = await readFile(join(directory, 'operator.token'), 'utf8');
  return { url: `http://localhost:${port}`, token: token.trim() };
}

/** Everything by which the parties are known, with ids and dates. */
function identitiesAt(operator: Operator): Promise<readonly object[]> {
  const parties = [
    'providers/concierge',
    'providers/skyways',
    'providers/northpay',
    'tenants/acme',
    'tenants/globex',
  ];
  return Promise.all(
    [
      '/v1/providers',
      '/v1/agents',
      '/v1/tenants',
      '/v1/clients',
      '/v1/agreements',
      '/.well-known/jwks.json',
      ...parties.map((party) => `/v1/${party}/issuers`),
      ...parties.slice(0, 3).map((party) => `/v1/${party}/contracts`),
      ...parties.slice(3).map((party) => `/v1/${party}/subscriptions`),
    ].map((path) => call(operator, 'GET', path)),
  );
}

/** The lines from `node` on, up to the first that does not go on. */
function commandIn(text: string): string {
  return /^ +node (?:.*\\\n)+.*$/m.exec(text)?.[0] ?? '';
}

async function runInShell(command: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)('sh', ['-c', command]);
  return JSON.parse(stdout);
}
