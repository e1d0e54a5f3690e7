import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { newParty, type Party } from '../support/party.ts';

export interface IssuerSite {
  /** `http://localhost:{port}{path}` */
  readonly issuer: string;
  readonly jwksUri: string;
  readonly key: Party;
  /** What each path answers; `undefined` is 404. */
  readonly documents: Map<string, string>;
  /** Publishes this as the signed challenge. */
  publish(...proofs: readonly string[]): void;
  close(): Promise<void>;
}

/** An identity provider's web site over real HTTP: metadata, key set, and the file for the challenge. */
export async function openIssuerSite(path = ''): Promise<IssuerSite> {
  const key = await newParty();
  const documents = new Map<string, string>();
  const server = createServer((request, response) => {
    const body = documents.get(request.url ?? '');
    if (body === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': 'application/json' }).end(body);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, 'localhost', resolve);
  });
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  const issuer = `${origin}${path}`;
  const jwksUri = `${origin}/jwks`;
  documents.set('/jwks', JSON.stringify(key.jwks));
  documents.set(
    `${path}/.well-known/openid-configuration`,
    JSON.stringify({ issuer, jwks_uri: jwksUri, subject_types_supported: ['public'] }),
  );
  return {
    issuer,
    jwksUri,
    key,
    documents,
    publish: (...proofs) =>
      void documents.set(`/.well-known/a2a-broker-challenge${path}`, `${proofs.join('\n')}\n`),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

export interface ProofParts {
  readonly issuer: string;
  readonly challenge: string | undefined;
  readonly broker: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** The signed challenge, as an owner makes it; `undefined` leaves a claim out. */
export function signProof(
  by: Party,
  { issuer, challenge, broker, now }: ProofParts,
  changes: Readonly<Record<string, unknown>> = {},
  header: Readonly<Record<string, string>> = {},
): Promise<string> {
  const iat = Math.floor(now / 1000);
  return by.sign(
    { iss: issuer, aud: broker, challenge, iat, exp: iat + 3600, ...changes },
    { typ: 'a2a-broker-challenge+jwt', ...header },
  );
}
