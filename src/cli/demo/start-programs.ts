import type { Crew } from './crew.ts';
import {
  type CompanyReady,
  companyReadySchema,
  type Registration,
  registrationSchema,
  type TenantReady,
  tenantReadySchema,
} from './lines.ts';
import { companies, type DemoCompany, type DemoTenant, tenants } from './parties.ts';
import { type Place, stateDirectory } from './place.ts';
import type { Program } from './program.ts';

export interface RunningCompany extends DemoCompany {
  readonly process: Program;
  readonly ready: CompanyReady;
}

export interface RunningTenant extends DemoTenant {
  readonly process: Program;
  readonly ready: TenantReady;
  /** How its employees' app is to be registered. */
  readonly app: Registration;
}

export interface Programs {
  readonly companies: readonly RunningCompany[];
  readonly tenants: readonly RunningTenant[];
}

/** Names of state directories, in the order of their ports. */
export const programNames: readonly string[] = [
  ...companies.map(({ id }) => id),
  ...tenants.map(({ id }) => identityProviderOf(id)),
];

/** Every company's and tenant's own process, all at once. */
export async function startPrograms(crew: Crew, place: Place): Promise<Programs> {
  const [startedCompanies, startedTenants] = await Promise.all([
    Promise.all(companies.map((company) => startCompany(crew, place, company))),
    Promise.all(tenants.map((tenant) => startTenant(crew, place, tenant))),
  ]);
  return { companies: startedCompanies, tenants: startedTenants };
}

async function startCompany(crew: Crew, place: Place, company: DemoCompany): Promise<RunningCompany> {
  const process = crew.start({
    name: company.name,
    file: company.program,
    args: ['--broker', place.brokerUrl, ...stateArguments(place, company.id)],
  });
  const [line] = await process.waitFor(companyReadySchema, 1, 'that it is ready');
  if (line === undefined) throw new Error('a line that was waited for is missing');
  return { ...company, process, ready: line.ready };
}

async function startTenant(crew: Crew, place: Place, tenant: DemoTenant): Promise<RunningTenant> {
  const { id, name, user, password } = tenant;
  const process = crew.start({
    name: `the identity provider of ${name}`,
    file: 'tenant/idp.ts',
    args: [...stateArguments(place, identityProviderOf(id)), '--tenant', id, '--user', `${user}:${password}`],
  });
  const [line] = await process.waitFor(tenantReadySchema, 1, 'that it is ready');
  if (line === undefined) throw new Error('a line that was waited for is missing');
  const registration = await crew.run(
    {
      name: `the app of ${name}`,
      file: 'tenant/ask.ts',
      args: [...appArguments(place, id, line.ready.issuer), '--registration'],
    },
    [0],
  );
  const [app] = registration.lines(registrationSchema);
  if (app === undefined) throw new Error(`the app of ${name} did not print its registration`);
  return { ...tenant, process, ready: line.ready, app: app.register.client };
}

/** What every run of a tenant's app is told. */
export function appArguments(place: Place, tenant: string, issuer: string): readonly string[] {
  const state = stateDirectory(place, `${tenant}-app`);
  return ['--broker', place.brokerUrl, '--state', state, '--tenant', tenant, '--issuer', issuer];
}

function stateArguments(place: Place, name: string): readonly string[] {
  return ['--state', stateDirectory(place, name), '--port', String(place.ports[name] ?? 0)];
}

function identityProviderOf(tenant: string): string {
  return `${tenant}-idp`;
}
