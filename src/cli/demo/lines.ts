import { z } from 'zod';

/** What the programs of examples/ print, as examples/README.md says; one JSON object a line. */
const thing = z.object({ id: z.string() }).catchall(z.json());
const issuer = z.object({ issuer: z.string() }).catchall(z.json());

export const companyReadySchema = z.object({
  ready: z.object({
    url: z.string(),
    agentId: z.string(),
    register: z.object({
      provider: thing,
      issuer,
      agent: thing,
      client: thing,
      meters: z.array(z.object({ key: z.string() }).catchall(z.json())),
    }),
  }),
});

export const tenantReadySchema = z.object({
  ready: z.object({ url: z.string(), issuer: z.string(), register: z.object({ issuer }) }),
});

export const registrationSchema = z.object({ register: z.object({ client: thing }) });

export const hopSchema = z.object({
  hop: z.object({
    agent: z.string(),
    tenant: z.string(),
    audTenant: z.string().nullable(),
    sub: z.string(),
    actDepth: z.int(),
    txn: z.string(),
  }),
  actors: z.array(z.object({ issuer: z.string(), subject: z.string(), clientId: z.string().optional() })),
});

export const streamedSchema = z.object({
  streamed: z.object({
    from: z.string(),
    afterMs: z.number(),
    event: z.string(),
    what: z.string(),
    text: z.string(),
  }),
});

export const reportedSchema = z.object({
  usage: z.object({
    id: z.string(),
    status: z.string(),
    reason: z.string().optional(),
    meter: z.string(),
    quantity: z.string(),
  }),
});

export const outcomeSchema = z.union([
  z.object({
    answer: z.object({
      taskId: z.string(),
      task: z.object({
        status: z.object({ state: z.string() }),
        artifacts: z
          .array(
            z.object({
              name: z.string().optional(),
              parts: z.array(z.looseObject({ data: z.json().optional() })),
            }),
          )
          .optional(),
      }),
    }),
  }),
  z.object({ refused: z.object({ agent: z.string(), code: z.string(), message: z.string() }) }),
]);

export type CompanyReady = z.output<typeof companyReadySchema>['ready'];
export type TenantReady = z.output<typeof tenantReadySchema>['ready'];
export type Registration = z.output<typeof registrationSchema>['register']['client'];
export type HopLine = z.output<typeof hopSchema>;
export type Streamed = z.output<typeof streamedSchema>['streamed'];
export type Outcome = z.output<typeof outcomeSchema>;
