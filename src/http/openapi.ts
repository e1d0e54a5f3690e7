import { createRequire } from 'node:module';
import type { Router } from '../api/router.ts';
import { addCommonAnswers, type Paths } from './common-answers.ts';

const { version, description } = createRequire(import.meta.url)('../../package.json') as {
  version: string;
  description: string;
};

/** OpenAPI 3.1, made from the routes themselves. */
export function openApiDocument(app: Router, brokerUrl: string): object {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'The operator token, or an access token from `POST /oauth/token` with `client_credentials`.',
  });
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'A2A federation broker',
      version,
      description,
      license: { name: 'Apache-2.0' },
    },
    servers: [{ url: brokerUrl }],
    security: [{ bearer: [] }],
  });
  addCommonAnswers((document.paths ?? {}) as Paths);
  return document;
}
