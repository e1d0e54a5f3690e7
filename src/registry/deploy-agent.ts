import type { EventData } from '../events/port.ts';
import { Fault } from '../kernel/fault.ts';
import type { Update } from './admit-provider.ts';
import type { Agent, Deployment } from './agent.ts';
import { requireNotRetired, requireUnchanged, saveAgent } from './change-agent.ts';
import type { RegistryContext } from './deps.ts';
import type { RegistryErrorCode } from './errors.ts';
import { refuseOwnAddresses, resourceTaken } from './register-agent.ts';

const maxDeployments = 50;

export type NewDeployment = Pick<Deployment, 'id' | 'model' | 'url'> &
  Partial<
    Pick<
      Deployment,
      | 'tenant'
      | 'region'
      | 'upstreamTenant'
      | 'resource'
      | 'authorizationServer'
      | 'brokerClientId'
      | 'awsSessionTags'
      | 'weight'
    >
  >;

/** Throws `not_found`, `wrong_state` (retired), `deployment_exists`, `resource_taken`, `invalid_request`, `conflict`. */
export async function addDeployment(
  context: RegistryContext,
  agent: string,
  input: NewDeployment,
  update: Update,
): Promise<Deployment> {
  if ((input.model === 'siloed') !== (input.tenant !== undefined))
    throw new Fault('invalid_request', 'A siloed deployment names its tenant, a pooled one none.', {
      fields: [{ path: '/tenant', message: input.model === 'siloed' ? 'is missing' : 'must be absent' }],
    });
  const record = await requireUnchanged(context, agent, update);
  requireNotRetired(record.value);
  const { deployments } = record.value;
  if (deployments.some(({ id }) => id === input.id))
    throw new Fault<RegistryErrorCode>('deployment_exists', `${agent} has a deployment ${input.id} already.`);
  if (deployments.length >= maxDeployments)
    throw new Fault('invalid_request', `An agent may have ${maxDeployments} deployments.`);
  const deployment: Deployment = {
    weight: 100,
    resource: input.url,
    ...input,
    protocolVersion: '1.0',
    state: 'active',
  };
  refuseOwnAddresses(context, deployment);
  requireAwsAudience(deployment);
  // Deployments of one agent may share a resource: they are the same audience.
  const shared = deployments.some(({ resource }) => resource === deployment.resource);
  const owner = shared ? undefined : await context.repository.resourceOwner(deployment.resource);
  if (owner !== undefined) throw resourceTaken(deployment.resource);
  await saveAgent(
    context,
    record,
    { ...record.value, deployments: [...deployments, deployment] },
    update,
    { action: 'agent.deploy', detail: { deployment: deployment.id, resource: deployment.resource } },
    [
      ...(shared
        ? []
        : [
            context.repository.claimResource({
              resource: deployment.resource,
              agentId: agent,
              deploymentId: deployment.id,
            }),
          ]),
      ...(await context.events.writes('deployment.added.v1', factsOf(record.value, deployment))),
    ],
  );
  return deployment;
}

export interface DeploymentChange {
  readonly weight?: number | undefined;
  readonly state?: Deployment['state'] | undefined;
  readonly region?: string | undefined;
  /** `null`: from now on it takes the broker's tokens. */
  readonly authorizationServer?: string | null | undefined;
  readonly brokerClientId?: string | undefined;
  readonly awsSessionTags?: boolean | undefined;
}

/** Throws `not_found`, `resource_taken` (our own address), `precondition_failed`, `conflict`. */
export async function changeDeployment(
  context: RegistryContext,
  agent: string,
  id: string,
  change: DeploymentChange,
  update: Update,
): Promise<Deployment> {
  const record = await requireUnchanged(context, agent, update);
  const current = record.value.deployments.find((deployment) => deployment.id === id);
  if (current === undefined) throw new Fault('not_found', `${agent} has no deployment ${id}.`);
  const changed: Deployment = {
    ...changeServer(current, change),
    ...(change.weight === undefined ? {} : { weight: change.weight }),
    ...(change.state === undefined ? {} : { state: change.state }),
    ...(change.region === undefined ? {} : { region: change.region }),
    ...(change.awsSessionTags === undefined ? {} : { awsSessionTags: change.awsSessionTags }),
  };
  refuseOwnAddresses(context, changed);
  requireAwsAudience(changed);
  const deployments = record.value.deployments.map((deployment) =>
    deployment.id === id ? changed : deployment,
  );
  await saveAgent(
    context,
    record,
    { ...record.value, deployments },
    update,
    {
      action: 'agent.redeploy',
      detail: {
        deployment: id,
        state: changed.state,
        weight: changed.weight,
        ...(change.authorizationServer === undefined
          ? {}
          : { authorizationServer: change.authorizationServer }),
        ...(change.brokerClientId === undefined ? {} : { brokerClientId: change.brokerClientId }),
        ...(change.awsSessionTags === undefined ? {} : { awsSessionTags: change.awsSessionTags }),
      },
    },
    isSame(current, changed)
      ? []
      : await context.events.writes('deployment.changed.v1', factsOf(record.value, changed)),
  );
  return changed;
}

/** IAM takes audiences of up to 255 characters (CreateOpenIDConnectProvider), so with a longer one AWS would refuse each token. */
function requireAwsAudience({ awsSessionTags, resource }: Deployment): void {
  if (awsSessionTags === true && resource.length > 255)
    throw new Fault(
      'invalid_request',
      'AWS takes audiences of up to 255 characters; this resource is longer.',
      {
        fields: [{ path: '/awsSessionTags', message: 'needs a resource of up to 255 characters' }],
      },
    );
}

/** Without a server, the id that the broker has there goes as well. */
function changeServer(
  { authorizationServer: serverBefore, brokerClientId: idBefore, ...kept }: Deployment,
  { authorizationServer = serverBefore, brokerClientId = idBefore }: DeploymentChange,
): Deployment {
  if (authorizationServer === undefined || authorizationServer === null) return kept;
  return { ...kept, authorizationServer, ...(brokerClientId === undefined ? {} : { brokerClientId }) };
}

function isSame(a: Deployment, b: Deployment): boolean {
  return (
    a.weight === b.weight &&
    a.state === b.state &&
    a.region === b.region &&
    a.authorizationServer === b.authorizationServer &&
    a.brokerClientId === b.brokerClientId &&
    (a.awsSessionTags ?? false) === (b.awsSessionTags ?? false)
  );
}

/** What others may know of a deployment: not where it is. */
function factsOf({ id: agent, provider }: Agent, deployment: Deployment): EventData<'deployment.added.v1'> {
  const { id, model, tenant, region, state, weight } = deployment;
  return { agent, provider, deployment: id, model, tenant, region, state, weight };
}
