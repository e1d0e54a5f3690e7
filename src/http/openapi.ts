import { createRequire } from 'node:module';
import type { Router } from '../api/router.ts';
import { addCommonAnswers, type Paths } from './common-answers.ts';

const { version, description } = createRequire(import.meta.url)('../../package.json') as {
  version: string;
  description: string;
};

/** In the order in which somebody meets them. */
const sections = [
  { name: 'Providers', description: 'Companies that offer agents' },
  { name: 'Agents', description: 'What they offer: cards, deployments, who may be called' },
  {
    name: 'Tenants',
    description: 'Companies in whose name agents are called, and what they are subscribed to',
  },
  { name: 'Trust', description: 'Issuers, clients, agreements between companies, and tokens' },
  { name: 'Policies', description: 'Rules of the operator and of parties, on top of the built-in ones' },
  { name: 'Gateway', description: 'Calls from agent to agent, over A2A' },
  { name: 'Usage', description: 'What was used, as the broker saw it and as providers report it' },
  { name: 'Prices', description: 'Plans of tenants and contracts with providers' },
  { name: 'Billing', description: 'Closing a month: invoices, settlements, journal' },
  { name: 'Keys', description: 'What the broker signs with' },
  { name: 'Events', description: 'Business events on their way to the bus' },
  { name: 'Audit', description: 'What was decided, and why' },
  { name: 'Operations', description: 'Whether the broker is well' },
];

/** OpenAPI 3.1, made from the routes themselves. */
export function openApiDocument(app: Router, brokerUrl: string): object {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description:
      'The operator token, or an access token from `POST /oauth/token` with `client_credentials`. One that is bound to a key is ' +
      'sent under the scheme `DPoP`, with a proof in the header `DPoP` (RFC 9449 §7).',
  });
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'A2A federation broker',
      version,
      description,
      license: { name: 'Apache License 2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: brokerUrl }],
    tags: sections,
    security: [{ bearer: [] }],
  });
  addCommonAnswers((document.paths ?? {}) as Paths);
  return document;
}
