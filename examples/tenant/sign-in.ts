import * as oidc from 'openid-client';
import { Browser } from './browser.ts';

export interface SignInRequest {
  readonly issuer: string;
  readonly clientId: string;
  readonly username: string;
  readonly password: string;
}

const redirectUri = 'http://127.0.0.1/signed-in';

/**
 * The authorization code flow with PKCE (RFC 7636), as an app runs it; the user's part, filling in the form, is done over HTTP as
 * well. Gives the ID token. Throws when the sign-in is refused.
 */
export async function signIn({ issuer, clientId, username, password }: SignInRequest): Promise<string> {
  const insecure = issuer.startsWith('http:') ? { execute: [oidc.allowInsecureRequests] } : {};
  const configuration = await oidc.discovery(new URL(issuer), clientId, undefined, oidc.None(), insecure);
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const expectedState = oidc.randomState();
  const expectedNonce = oidc.randomNonce();
  const start = oidc.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope: 'openid',
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
  });

  const browser = new Browser(redirectUri);
  const page = await browser.open(start);
  const end = await browser.submit(page, { username, password });
  const tokens = await oidc.authorizationCodeGrant(configuration, end, {
    pkceCodeVerifier,
    expectedState,
    expectedNonce,
    idTokenExpected: true,
  });
  if (tokens.id_token === undefined) throw new Error('The issuer gave no ID token.');
  return tokens.id_token;
}
