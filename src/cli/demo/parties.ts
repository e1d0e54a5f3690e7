/** A provider: a program of examples/ with its own issuer and agent. */
export interface DemoCompany {
  /** Its id at the broker, and the name of its state directory. */
  readonly id: string;
  readonly name: string;
  readonly agent: string;
  /** Under examples/. */
  readonly program: string;
  /** The operator's share, in basis points. */
  readonly commissionBps: number;
}

export interface DemoTenant {
  readonly id: string;
  readonly name: string;
  readonly user: string;
  readonly password: string;
  /** What each provider calls it: provider → its own id for the tenant. */
  readonly knownAs: Readonly<Record<string, string>>;
}

/** In the order in which they call each other. */
export const companies: readonly DemoCompany[] = [
  {
    id: 'concierge',
    name: 'Concierge Travel',
    agent: 'concierge/planner',
    program: 'concierge/planner.ts',
    commissionBps: 1500,
  },
  {
    id: 'skyways',
    name: 'Skyways',
    agent: 'skyways/flights',
    program: 'skyways/flights.ts',
    commissionBps: 1000,
  },
  {
    id: 'northpay',
    name: 'Northpay',
    agent: 'northpay/payments',
    program: 'northpay/payments.ts',
    commissionBps: 500,
  },
];

/** Its user asks. */
export const acme: DemoTenant = {
  id: 'acme',
  name: 'Acme',
  user: 'alice',
  password: 'wonderland',
  knownAs: { concierge: 'guest-1042', skyways: 'SKY-77310', northpay: 'np_acct_5d2' },
};

/** Its user tries to read what acme's was answered. */
export const globex: DemoTenant = {
  id: 'globex',
  name: 'Globex',
  user: 'hank',
  password: 'scorpio',
  knownAs: { concierge: 'guest-2203', skyways: 'SKY-80112', northpay: 'np_acct_9f8' },
};

export const tenants: readonly DemoTenant[] = [acme, globex];

/** What both tenants pay. The broker counts calls, tasks and stream events; each company reports its own meter. */
export const plan = {
  key: 'travel-demo',
  currency: 'EUR',
  prices: [
    { meter: 'calls', model: 'per_unit', unitAmount: '0.02' },
    { meter: 'stream_events', model: 'per_unit', unitAmount: '0.005' },
    { meter: 'itineraries', model: 'per_unit', unitAmount: '1.20' },
    {
      meter: 'searches',
      model: 'graduated',
      tiers: [{ upTo: '2', unitAmount: '0.25' }, { unitAmount: '0.10' }],
    },
    { meter: 'payments', model: 'per_unit', unitAmount: '0.35' },
  ],
} as const;

/** A day on which one still can travel. */
export function question(now: Date): string {
  const day = new Date(now.getTime() + 60 * 86_400_000).toISOString().slice(0, 10);
  return `Take me from Berlin to Lisbon on ${day}`;
}
