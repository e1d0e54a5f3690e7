import { type Command, Option } from 'commander';
import { decodeJwt } from 'jose';
import type { JsonObject } from '../kernel/json.ts';
import {
  BrokerError,
  type BrokerToken,
  createBrokerClient,
  createDpopKey,
  type SubjectTokenType,
} from '../kit/index.ts';
import { brokerAddress, confidentialAddress } from './connection.ts';
import { withExamples } from './examples.ts';
import { type ExitReason, Failure } from './failure.ts';
import type { CliIo } from './io.ts';
import { list, withBroker } from './options.ts';
import { colorsFor, write, writeJson } from './output.ts';
import { readSecret } from './read-input.ts';
import { readPrivateKey } from './read-private-key.ts';
import { formatRecord } from './table.ts';
import { addProofCommand } from './token-proof.ts';

interface TokenOptions {
  readonly broker?: string;
  readonly clientId: string;
  readonly key: string;
  readonly keyId?: string;
  readonly scope?: readonly string[];
  readonly dpop?: string;
  readonly decode?: boolean;
  readonly json?: boolean;
}

/** A token, or an ID-JAG, which has no type. */
type Printed = Omit<BrokerToken, 'tokenType'> & Partial<BrokerToken>;

interface ExchangeOptions extends TokenOptions {
  readonly subjectTokenFile: string;
  readonly subjectTokenType: SubjectTokenType;
  readonly actorTokenFile?: string;
  readonly agent?: string;
  readonly resource?: string;
  readonly requestedTokenType: 'access_token' | 'id-jag';
}

interface RedeemOptions extends TokenOptions {
  readonly assertionFile: string;
  readonly agent?: string;
  readonly resource?: string;
}

export function addTokenCommands(program: Command, io: CliIo): void {
  const token = program
    .command('token')
    .description(
      'Gets tokens as a client does, with its own private key. Secrets are read from files, never from options.',
    );

  withExamples(
    asClient(token.command('exchange'))
      .description(
        'Exchanges a token of a tenant’s user, or one that an agent was called with, for one to call an agent.',
      )
      .option('--agent <agent>', 'provider/agent, called through the gateway (needed, or --resource)')
      .option('--resource <uri>', 'a deployment’s own resource instead, for a direct call')
      .requiredOption('--subject-token-file <path>', 'the token to exchange, - for stdin')
      .addOption(
        new Option('--subject-token-type <type>', 'what it is')
          .choices(['id_token', 'access_token', 'jwt'])
          .default('id_token'),
      )
      .option('--actor-token-file <path>', 'a token of the provider’s own issuer about this client')
      .addOption(
        new Option('--requested-token-type <type>', 'what to get')
          .choices(['access_token', 'id-jag'])
          .default('access_token'),
      )
      .action((options: ExchangeOptions) => runExchange(io, options)),
    'token exchange --client-id acme-app --key acme-app.jwk --agent skyways/flights --subject-token-file id-token.txt',
    'token exchange --client-id acme-app --key acme-app.jwk --agent skyways/flights --subject-token-file - --decode < id-token.txt',
    'token exchange --client-id acme-app --key acme-app.jwk --resource https://agents.skyways.example/a2a \\\n' +
      '--subject-token-file id-token.txt --requested-token-type id-jag',
  );
  withExamples(
    asClient(token.command('redeem'))
      .description(
        'Redeems an assertion that an identity provider made for the broker (an ID-JAG), once, for a token to call an agent.',
      )
      .requiredOption('--assertion-file <path>', 'the assertion, - for stdin')
      .option('--agent <agent>', 'provider/agent (default: the one that the assertion is for)')
      .option('--resource <uri>', 'a deployment’s own resource instead, for a direct call')
      .action(async ({ assertionFile, agent, resource, ...options }: RedeemOptions) => {
        const assertion = await readSecret(io, assertionFile, 'an assertion');
        await runWithClient(io, options, (client) =>
          client.redeem({ assertion, agent, resource, scope: options.scope }),
        );
      }),
    'token redeem --client-id acme-app --key acme-app.jwk --agent skyways/flights --assertion-file id-jag.txt',
  );
  withExamples(
    asClient(token.command('client-credentials'))
      .description('Gets a token for the management API, limited to what its client may do.')
      .action((options: TokenOptions) =>
        runWithClient(io, options, (client) => client.clientCredentials(options.scope)),
      ),
    'token client-credentials --client-id skyways-usage --key skyways.jwk --scope usage:read > token.txt',
    'usage show --token-file token.txt',
  );
  addProofCommand(token, io);
}

function asClient(command: Command): Command {
  return withBroker(
    command
      .requiredOption('--client-id <id>', 'the client')
      .requiredOption('--key <path>', 'file with its private key as JWK (or a key set with one), - for stdin')
      .option('--key-id <kid>', 'the key’s id in the registered key set (default: the JWK’s kid)')
      .option('--scope <scopes>', 'comma-separated (default: all that is allowed)', list)
      .option(
        '--dpop <path>',
        'bind the token to this private key (JWK file, RFC 9449): `token proof` shows how it is used',
      )
      .option('--decode', 'print the token’s claims; with --json beside it, else instead of it'),
  );
}

async function runExchange(io: CliIo, options: ExchangeOptions): Promise<void> {
  const { subjectTokenFile, subjectTokenType, actorTokenFile, agent, resource, scope } = options;
  if (agent === undefined && resource === undefined)
    throw new Failure('usage', 'Say which agent the token is for: --agent provider/agent, or --resource.');
  const subjectToken = await readSecret(io, subjectTokenFile, 'a token');
  const actorToken =
    actorTokenFile === undefined ? undefined : await readSecret(io, actorTokenFile, 'a token');
  const request = { subjectToken, subjectTokenType, actorToken, agent, resource, scope };
  await runWithClient(io, options, async (client) => {
    if (options.requestedTokenType === 'access_token') return client.exchange(request);
    const { assertion, ...idJag } = await client.exchangeForIdJag(request);
    return { accessToken: assertion, ...idJag };
  });
}

async function runWithClient(
  io: CliIo,
  options: TokenOptions,
  ask: (client: ReturnType<typeof createBrokerClient>) => Promise<Printed>,
): Promise<void> {
  const broker = confidentialAddress(brokerAddress(io, options.broker));
  const privateKey = await readPrivateKey(io, options.key);
  const dpop =
    options.dpop === undefined
      ? undefined
      : createDpopKey({ privateKey: await readPrivateKey(io, options.dpop) });
  let token: Printed;
  try {
    token = await ask(
      createBrokerClient({ broker, clientId: options.clientId, privateKey, keyId: options.keyId, dpop }),
    );
  } catch (error) {
    throw tokenFailure(error, options.key);
  }
  await printToken(io, options, token);
}

async function printToken(io: CliIo, options: TokenOptions, token: Printed): Promise<void> {
  const claims = options.decode === true ? (decodeJwt(token.accessToken) as JsonObject) : undefined;
  if (options.json === true)
    return writeJson(io, JSON.stringify({ ...token, ...(claims === undefined ? {} : { claims }) }));
  await write(
    io.stdout,
    claims === undefined ? `${token.accessToken}\n` : formatRecord(claims, colorsFor(io.stdout, io.env)),
  );
}

function tokenFailure(error: unknown, keyPath: string): unknown {
  if (!(error instanceof BrokerError))
    return new Failure(
      'usage',
      `The key in ${keyPath} cannot be used: ${error instanceof Error ? error.message : 'it is not valid'}`,
      { cause: error },
    );
  const { status } = error;
  return new Failure(
    reasonOf(error),
    `${error.message} (${status === undefined ? '' : `${status} `}${error.code})`,
    {
      cause: error,
      problem: { code: error.code, detail: error.message, ...(status === undefined ? {} : { status }) },
      hints: error.retryAfterSeconds === undefined ? [] : [`Try again in ${error.retryAfterSeconds} s.`],
    },
  );
}

function reasonOf({ code, status }: BrokerError): ExitReason {
  if (code === 'unreachable') return 'unreachable';
  if (status !== undefined) return status >= 400 && status < 500 ? 'refused' : 'failed';
  // Without an answer: what was asked for was wrong before anything was sent.
  return code === 'answer_invalid' || code === 'temporarily_unavailable' ? 'failed' : 'usage';
}
