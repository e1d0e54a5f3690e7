import { createRoute, z } from '@hono/zod-openapi';
import { ifMatch, setEtag } from '../api/etag.ts';
import { requireParty, requirePrincipal } from '../api/guards.ts';
import { defined, instant, presentPage } from '../api/present.ts';
import type { Router } from '../api/router.ts';
import {
  agentParam,
  answers,
  pageOf,
  pageQuerySchema,
  problems,
  providerParam,
  slugSchema,
  takes,
} from '../api/schemas.ts';
import { type Agent, agentId } from './agent.ts';
import type { Registry } from './index.ts';
import {
  agentQuerySchema,
  agentSchema,
  cardVersionSchema,
  deploymentChangeSchema,
  deploymentSchema,
  newAgentSchema,
  newDeploymentSchema,
  reasonSchema,
} from './schema.ts';

const tags = ['Agents'];
const params = z.object({ provider: providerParam, agent: agentParam });
const oneAgent = { 200: answers(agentSchema, 'The agent') };

const register = createRoute({
  method: 'post',
  path: '/v1/providers/{provider}/agents',
  operationId: 'registerAgent',
  tags,
  summary: 'Register an agent by its card; it stays a draft until published',
  request: { params: z.object({ provider: providerParam }), ...takes(newAgentSchema) },
  responses: { 201: answers(agentSchema, 'Registered'), ...problems(400, 401, 403, 404, 409, 422) },
});

const search = createRoute({
  method: 'get',
  path: '/v1/agents',
  operationId: 'searchAgents',
  tags,
  summary: 'Find agents on offer',
  description: 'A provider also sees its own drafts. A page may be short and still have a `nextCursor`',
  request: { query: agentQuerySchema },
  responses: { 200: answers(pageOf(agentSchema), 'One page'), ...problems(400, 401) },
});

const read = createRoute({
  method: 'get',
  path: '/v1/agents/{provider}/{agent}',
  operationId: 'getAgent',
  tags,
  summary: 'Read an agent',
  request: { params },
  responses: { ...oneAgent, ...problems(401, 404) },
});

const step = <S extends 'publish' | 'suspend' | 'retire'>(name: S, summary: string) =>
  createRoute({
    method: 'post',
    path: `/v1/agents/{provider}/{agent}/${name}` as const,
    operationId: `${name}Agent`,
    tags,
    summary,
    request: { params, body: { required: false, content: { 'application/json': { schema: reasonSchema } } } },
    responses: { ...oneAgent, ...problems(400, 401, 403, 404, 409, 412) },
  });

const publish = step('publish', 'Make an agent callable');
const suspend = step('suspend', 'Take an agent off for a while, at once');
const retire = step('retire', 'Take an agent off for good');

const refresh = createRoute({
  method: 'post',
  path: '/v1/agents/{provider}/{agent}/refresh',
  operationId: 'refreshAgent',
  tags,
  summary: 'Read the card again from its URL, as a new version',
  request: { params },
  responses: { ...oneAgent, ...problems(401, 403, 404, 409, 412, 422) },
});

const versions = createRoute({
  method: 'get',
  path: '/v1/agents/{provider}/{agent}/versions',
  operationId: 'listCardVersions',
  tags,
  summary: 'List the versions of an agent’s card',
  request: { params, query: pageQuerySchema },
  responses: { 200: answers(pageOf(cardVersionSchema), 'One page'), ...problems(400, 401, 403, 404) },
});

const deployments = createRoute({
  method: 'get',
  path: '/v1/agents/{provider}/{agent}/deployments',
  operationId: 'listDeployments',
  tags,
  summary: 'List where an agent runs',
  request: { params },
  responses: { 200: answers(pageOf(deploymentSchema), 'All of them'), ...problems(401, 403, 404) },
});

const deploy = createRoute({
  method: 'post',
  path: '/v1/agents/{provider}/{agent}/deployments',
  operationId: 'addDeployment',
  tags,
  summary: 'Add a deployment',
  request: { params, ...takes(newDeploymentSchema) },
  responses: { 201: answers(deploymentSchema, 'Added'), ...problems(400, 401, 403, 404, 409, 412) },
});

const redeploy = createRoute({
  method: 'patch',
  path: '/v1/agents/{provider}/{agent}/deployments/{deployment}',
  operationId: 'changeDeployment',
  tags,
  summary: 'Change a deployment’s state, weight, region or authorization server',
  request: {
    params: params.extend({
      deployment: slugSchema.openapi({ description: 'Id of the deployment' }),
    }),
    ...takes(deploymentChangeSchema),
  },
  responses: { 200: answers(deploymentSchema, 'Changed'), ...problems(400, 401, 403, 404, 409, 412) },
});

export function addAgentRoutes(router: Router, registry: Registry, brokerUrl: string): void {
  const present = (agent: Agent) => presentAgent(agent, brokerUrl);

  router.openapi(register, async (c) => {
    const { provider } = c.req.valid('param');
    const by = requireParty(c, `provider:${provider}`, 'registry:write');
    const { card, ...input } = defined(c.req.valid('json'));
    const { agent, version } = await registry.registerAgent(
      provider,
      card === undefined ? input : { ...input, card: JSON.stringify(card) },
      by,
    );
    setEtag(c, version);
    return c.json(present(agent), 201);
  });
  router.openapi(search, async (c) => {
    const by = requirePrincipal(c);
    return c.json(presentPage(await registry.searchAgents(defined(c.req.valid('query')), by), present), 200);
  });
  router.openapi(read, async (c) => {
    const by = requirePrincipal(c);
    const { provider, agent: name } = c.req.valid('param');
    const { agent, version } = await registry.readAgent(agentId(provider, name), by);
    setEtag(c, version);
    return c.json(present(agent), 200);
  });
  for (const [route, name] of [
    [publish, 'publish'],
    [suspend, 'suspend'],
    [retire, 'retire'],
  ] as const) {
    router.openapi(route, async (c) => {
      const { provider, agent: slug } = c.req.valid('param');
      const by = requireParty(c, `provider:${provider}`, 'registry:write');
      // An absent body is checked as an empty object by the router; the reason is optional here.
      const body: { reason?: string } | undefined = c.req.valid('json');
      const { agent, version } = await registry.moveAgent(agentId(provider, slug), name, body?.reason, {
        by,
        version: ifMatch(c),
      });
      setEtag(c, version);
      return c.json(present(agent), 200);
    });
  }
  router.openapi(refresh, async (c) => {
    const { provider, agent: slug } = c.req.valid('param');
    const by = requireParty(c, `provider:${provider}`, 'registry:write');
    const { agent, version } = await registry.refreshAgent(agentId(provider, slug), {
      by,
      version: ifMatch(c),
    });
    setEtag(c, version);
    return c.json(present(agent), 200);
  });
  router.openapi(versions, async (c) => {
    const { provider, agent: slug } = c.req.valid('param');
    const by = requireParty(c, `provider:${provider}`, 'registry:read');
    const { agent } = await registry.readAgent(agentId(provider, slug), by);
    const page = await registry.listCardVersions(agent.id, defined(c.req.valid('query')));
    return c.json(
      presentPage(page, ({ digest, createdAt, original }) => ({
        digest,
        current: digest === agent.cardDigest,
        createdAt: instant(createdAt),
        card: JSON.parse(original) as Record<string, unknown>,
      })),
      200,
    );
  });
  router.openapi(deployments, async (c) => {
    const { provider, agent: slug } = c.req.valid('param');
    const by = requireParty(c, `provider:${provider}`, 'registry:read');
    const { agent } = await registry.readAgent(agentId(provider, slug), by);
    return c.json({ items: [...agent.deployments] }, 200);
  });
  router.openapi(deploy, async (c) => {
    const { provider, agent: slug } = c.req.valid('param');
    const by = requireParty(c, `provider:${provider}`, 'registry:write');
    const update = { by, version: ifMatch(c) };
    return c.json(
      await registry.addDeployment(agentId(provider, slug), defined(c.req.valid('json')), update),
      201,
    );
  });
  router.openapi(redeploy, async (c) => {
    const { provider, agent: slug, deployment } = c.req.valid('param');
    const by = requireParty(c, `provider:${provider}`, 'registry:write');
    const update = { by, version: ifMatch(c) };
    return c.json(
      await registry.changeDeployment(agentId(provider, slug), deployment, c.req.valid('json'), update),
      200,
    );
  });
}

function presentAgent(
  { scopes, skills, deployments: _, heldByOperator: __, createdAt, updatedAt, ...rest }: Agent,
  brokerUrl: string,
) {
  return {
    ...rest,
    scopes: [...scopes],
    skills: skills.map((skill) => ({ ...skill, tags: [...skill.tags] })),
    brokeredUrl: `${brokerUrl}/a2a/${rest.id}`,
    createdAt: instant(createdAt),
    updatedAt: instant(updatedAt),
  };
}
