import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { parseArgs } from 'node:util';
import express, { type Express, type Request, type Response } from 'express';
import { Provider } from 'oidc-provider';
import { issuerConfiguration } from '../company/issuer.ts';
import { listen } from '../company/serve.ts';
import { stop } from '../company/settings.ts';
import { openState } from '../company/state.ts';
import { writeLine } from '../company/write-line.ts';
import { loginPage } from './login-page.ts';

/** The id of the employees' app at this issuer. A public client: PKCE protects its code, a secret in an app would not. */
const appClientId = 'travel-app';
const redirectUri = 'http://127.0.0.1/signed-in';

const { values } = parseArgs({
  options: {
    state: { type: 'string', default: process.env['STATE_DIR'] ?? '' },
    host: { type: 'string', default: process.env['HOST'] ?? '127.0.0.1' },
    port: { type: 'string', default: process.env['PORT'] ?? '0' },
    tenant: { type: 'string', default: process.env['TENANT'] ?? '' },
    user: {
      type: 'string',
      multiple: true,
      default: (process.env['USERS'] ?? '').split(' ').filter(Boolean),
    },
  },
});
if (values.state === '' || values.tenant === '' || values.user.length === 0)
  stop('--state DIRECTORY --tenant ID --user NAME:PASSWORD [--user …] are needed.');
const passwords = new Map(
  values.user.map((user) => {
    const [name = '', ...password] = user.split(':');
    return [name, digest(password.join(':'))];
  }),
);

const state = await openState(values.state);
const listening = await listen({ host: values.host, port: Number(values.port) }, state, () =>
  Promise.resolve(),
);
const issuer = `${listening.url}/oidc`;
const app = express().disable('x-powered-by');
const provider = await createTenantIssuer();
addSignIn(app, provider);
app.use('/oidc', provider.callback());
listening.handle(app);

writeLine({
  ready: {
    url: listening.url,
    tenant: values.tenant,
    issuer,
    appClientId,
    users: [...passwords.keys()],
    register: { issuer: { issuer, jwksUri: `${issuer}/jwks`, algorithms: ['ES256'] } },
  },
});

async function createTenantIssuer(): Promise<Provider> {
  const client = {
    client_id: appClientId,
    application_type: 'web',
    grant_types: ['authorization_code'],
    redirect_uris: [redirectUri],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    id_token_signed_response_alg: 'ES256',
  };
  const made: Provider = new Provider(issuer, {
    ...issuerConfiguration(await state.key('issuer'), [client]),
    // Sessions are in memory as well, so cookies need not outlive the process.
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    features: { devInteractions: { enabled: false } },
    findAccount: (_ctx, id) =>
      passwords.has(id) ? { accountId: id, claims: () => ({ sub: id }) } : undefined,
    // The company's own app: its employees are not asked whether they trust their employer.
    loadExistingGrant: async ({ oidc }) => {
      const clientId = oidc.client?.clientId;
      const accountId = oidc.session?.accountId;
      if (clientId === undefined || accountId === undefined) return undefined;
      const grant = new made.Grant({ clientId, accountId });
      grant.addOIDCScope('openid');
      await grant.save();
      return grant;
    },
    interactions: { url: (_ctx, { uid }) => `/sign-in/${uid}` },
  });
  return made;
}

function addSignIn(app: Express, provider: Provider): void {
  const show = async (req: Request, res: Response): Promise<void> => {
    await provider.interactionDetails(req, res);
    res.type('html').send(loginPage(values.tenant, req.path));
  };
  const check = async (req: Request, res: Response): Promise<void> => {
    await provider.interactionDetails(req, res);
    const { username, password } = req.body as Record<string, unknown>;
    if (typeof username === 'string' && typeof password === 'string' && isRight(username, password))
      return provider.interactionFinished(req, res, { login: { accountId: username } });
    res
      .status(401)
      .type('html')
      .send(loginPage(values.tenant, req.path, 'Wrong name or password.'));
  };
  app.get('/sign-in/:uid', (req, res, next) => void show(req, res).catch(next));
  app.post('/sign-in/:uid', express.urlencoded({ extended: false }), (req, res, next) => {
    check(req, res).catch(next);
  });
}

function isRight(username: string, password: string): boolean {
  const expected = passwords.get(username);
  // Compared also for a user that does not exist, so that both take the same time.
  const isEqual = timingSafeEqual(digest(password), expected ?? digest(''));
  return isEqual && expected !== undefined;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
