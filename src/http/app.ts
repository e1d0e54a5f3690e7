import { createRouter, type Router } from '../api/router.ts';
import type { Audit } from '../audit/index.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Store } from '../storage/port.ts';
import type { Log } from '../telemetry/log.ts';
import { authenticate, type Authenticators } from './authenticate.ts';
import { limitBody, limitForm, requireJson, requireWellFormed, requireWhole } from './body-rules.ts';
import { docsPage } from './docs-page.ts';
import { healthRoutes, type Readiness } from './health.ts';
import { idempotency } from './idempotency.ts';
import { oauthFailure } from './oauth-failure.ts';
import { openApiDocument } from './openapi.ts';
import { problemResponse, toFault } from './problem.ts';
import { recordForbidden } from './record-forbidden.ts';
import { requestId } from './request-id.ts';

export interface AppDeps {
  readonly brokerUrl: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly audit: Pick<Audit, 'record'>;
  readonly log: Log;
  readonly authenticators: Authenticators;
  readonly readiness: Readiness;
  /** The rooms' routers. */
  readonly routers: readonly Router[];
}

/** Everything that is spoken over HTTP, but for relayed calls, which the gateway takes before this sees them. */
export function createApp(deps: AppDeps): Router {
  const app = createRouter();

  app.use(requestId(deps.ids));
  app.onError((error, c) => {
    const fault = toFault(error);
    if (fault === undefined || fault.code === 'unavailable')
      deps.log.error({ err: error, requestId: c.get('requestId'), path: c.req.path }, 'request failed');
    return c.req.path.startsWith('/oauth/') ? oauthFailure(c, error) : problemResponse(c, error);
  });
  app.notFound((c) =>
    problemResponse(c, new Fault('not_found', `There is no ${c.req.method} ${c.req.path}.`)),
  );

  app.use(
    '/v1/*',
    limitBody,
    requireJson,
    requireWellFormed,
    authenticate(deps.brokerUrl, deps.authenticators),
    recordForbidden(deps),
    idempotency(deps),
  );
  // Tokens and assertions are bounded well below this by the token endpoint itself.
  app.use('/oauth/*', limitForm, requireWhole);

  for (const router of deps.routers) app.route('/', router);
  app.route('/', healthRoutes(deps.readiness));

  let document: object | undefined;
  const describe = () => (document ??= openApiDocument(app, deps.brokerUrl));
  app.get('/openapi.json', (c) => c.json(describe()));
  app.get('/docs', (c) => {
    c.header(
      'Content-Security-Policy',
      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    );
    return c.html(docsPage(describe()));
  });
  app.get('/', (c) => c.redirect('/docs'));
  return app;
}
