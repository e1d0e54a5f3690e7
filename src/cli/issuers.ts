import type { Command } from 'commander';
import type { JsonObject } from '../kernel/json.ts';
import { requestBody, showList, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { withExamples } from './examples.ts';
import { Failure } from './failure.ts';
import type { CliIo } from './io.ts';
import { addIssuerLinkCommands } from './links.ts';
import {
  type BodyOptions,
  list,
  type PagingOptions,
  withBody,
  withConnection,
  withPaging,
} from './options.ts';
import { readPublicKeys, readSecret } from './read-input.ts';
import { type Collection, partyIssuers } from './party-issuers.ts';
import { signChallenge } from './sign-challenge.ts';
import type { Column } from './table.ts';

const columns: readonly Column[] = [
  { title: 'ID', value: 'id' },
  { title: 'ISSUER', value: 'issuer' },
  { title: 'STATUS', value: 'status' },
  { title: 'REASON', value: 'reason' },
  { title: 'ALGORITHMS', value: 'algorithms' },
  { title: 'EXPIRES', value: 'expiresAt' },
];

interface NewIssuer extends BodyOptions {
  readonly issuer?: string;
  readonly jwksUri?: string;
  readonly jwksFile?: string;
  readonly algorithms?: readonly string[];
  readonly audience?: string;
  readonly tenantClaim?: string;
  readonly tenantExpression?: string;
  readonly expiresAt?: string;
}

export function addIssuerCommands(program: Command, io: CliIo): void {
  const issuers = program
    .command('issuers')
    .description('Identity providers: a tenant’s speaks for its users, a provider’s for its own programs.');

  withExamples(
    withPaging(issuers.command('list').argument('<party>', 'tenant:id or provider:id', partyIssuers))
      .description('Lists a party’s issuers.')
      .action((party: Collection, options: PagingOptions) =>
        showList(io, options, { path: apiPath(...party) }, columns),
      ),
    'issuers list tenant:acme',
  );
  withExamples(
    withBody(issuers.command('add').argument('<party>', 'tenant:id or provider:id', partyIssuers))
      .description(
        'Trusts an issuer. Its key set is read and checked first; one issuer belongs to one party. With a token of the party’s own ' +
          'it is a claim, until it is verified.',
      )
      .option('--issuer <url>', 'exactly as in its tokens’ iss (needed)')
      .option('--jwks-uri <url>', 'where its public keys are (needed, or --jwks-file)')
      .option('--jwks-file <path>', 'its public keys, when they have no URL; - for stdin')
      .option('--algorithms <names>', 'accepted signatures, comma-separated (default: all but RS256)', list)
      .option('--audience <name>', 'the issuer’s own name for the broker, in its tokens’ aud')
      .option('--tenant-claim <name>', 'it serves many tenants: the claim with a tenant’s id there')
      .option('--tenant-expression <cel>', 'the same by a CEL expression over claims')
      .option('--expires-at <time>', 'trusted until this RFC 3339 time in UTC')
      .action(async (party: Collection, options: NewIssuer) => {
        const body = await bodyOf(io, options);
        await showOne(io, options, { method: 'POST', path: apiPath(...party), body });
      }),
    'issuers add tenant:acme --issuer https://login.acme.example --jwks-uri https://login.acme.example/jwks',
    'issuers add provider:skyways --issuer https://id.skyways.example --jwks-file jwks.json',
  );
  withExamples(
    withBody(oneIssuer(issuers.command('change')))
      .description(
        'Changes an issuer. Another key set has to be verified again, unless the operator sets it. `null` in --file takes a member away.',
      )
      .option('--jwks-uri <url>', 'where its public keys are')
      .option('--jwks-file <path>', 'its public keys, when they have no URL; - for stdin')
      .option('--algorithms <names>', 'accepted signatures, comma-separated', list)
      .option('--audience <name>', 'the issuer’s own name for the broker, in its tokens’ aud')
      .option('--tenant-claim <name>', 'it serves many tenants: the claim with a tenant’s id there')
      .option('--tenant-expression <cel>', 'the same by a CEL expression over claims')
      .option('--expires-at <time>', 'trusted until this RFC 3339 time in UTC')
      .action(async (party: Collection, id: string, options: NewIssuer) => {
        const body = await bodyOf(io, options);
        await showOne(io, options, { method: 'PATCH', path: apiPath(...party, id), body });
      }),
    'issuers change tenant:acme trs_01JQ… --jwks-uri https://login.acme.example/keys',
  );
  withExamples(
    withConnection(oneIssuer(issuers.command('verify')))
      .description(
        'Proves that an issuer is the party’s. The broker reads the issuer’s metadata, the published challenge and its signature.',
      )
      .option('--proof-file <path>', 'the signed challenge, when the bare one is in DNS; - for stdin')
      .action(
        async (
          party: Collection,
          id: string,
          options: ConnectionOptions & { readonly proofFile?: string },
        ) => {
          const { proofFile } = options;
          const body =
            proofFile === undefined ? {} : { proof: await readSecret(io, proofFile, 'a signed challenge') };
          await showOne(io, options, { method: 'POST', path: apiPath(...party, id, 'verify'), body });
        },
      ),
    'issuers verify tenant:acme trs_01JQ… --token-file token.txt',
    'issuers verify tenant:acme trs_01JQ… --token-file token.txt --proof-file challenge.jwt',
  );
  withExamples(
    withConnection(oneIssuer(issuers.command('sign')))
      .description('Prints the signed challenge of an issuer, for its well-known file or for `verify`.')
      .requiredOption('--key <path>', 'file with a private key of the issuer’s key set as JWK, - for stdin')
      .action((party: Collection, id: string, options: ConnectionOptions & { readonly key: string }) =>
        signChallenge(io, options, apiPath(...party, id)),
      ),
    'issuers sign tenant:acme trs_01JQ… --token-file token.txt --key login.jwk > a2a-broker-challenge',
  );
  for (const { name, description, method, step } of [
    {
      name: 'show',
      description: 'Shows an issuer: its state, why, and what there is to publish.',
      method: 'GET',
      step: [],
    },
    {
      name: 'approve',
      description: 'Trusts an issuer that is proven, or whose keys were replaced at once (operator).',
      method: 'POST',
      step: ['approve'],
    },
    { name: 'disable', description: 'Stops trusting an issuer, at once.', method: 'POST', step: ['disable'] },
    { name: 'enable', description: 'Trusts an issuer again.', method: 'POST', step: ['enable'] },
  ] as const)
    withExamples(
      withConnection(oneIssuer(issuers.command(name)))
        .description(description)
        .action((party: Collection, id: string, options: ConnectionOptions) =>
          showOne(io, options, { method, path: apiPath(...party, id, ...step) }),
        ),
      `issuers ${name} tenant:acme trs_01JQ…`,
    );
  addIssuerLinkCommands(issuers, io, oneIssuer);
}

function oneIssuer(command: Command): Command {
  return command
    .argument('<party>', 'tenant:id or provider:id', partyIssuers)
    .argument('<id>', 'from `issuers list`');
}

async function bodyOf(
  io: CliIo,
  {
    issuer,
    jwksUri,
    jwksFile,
    algorithms,
    audience,
    tenantClaim,
    tenantExpression,
    expiresAt,
    ...options
  }: NewIssuer,
): Promise<JsonObject> {
  const jwks = jwksFile === undefined ? undefined : await readPublicKeys(io, jwksFile);
  const tenantMapping = mappingOf(tenantClaim, tenantExpression);
  return requestBody(io, options, { issuer, jwksUri, jwks, algorithms, audience, tenantMapping, expiresAt });
}

function mappingOf(claim: string | undefined, expression: string | undefined): JsonObject | undefined {
  if (claim !== undefined && expression !== undefined)
    throw new Failure('usage', 'Give one of --tenant-claim and --tenant-expression.');
  if (claim !== undefined) return { kind: 'claim', claim };
  return expression === undefined ? undefined : { kind: 'cel', expression };
}
