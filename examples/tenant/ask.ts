import { parseArgs } from 'node:util';
import { GetTaskRequest, Task } from '@a2a-js/sdk';
import { BrokerError, brokerFetch, createBrokerClient, createDpopKey } from '../../src/kit/index.ts';
import { connect } from '../company/call-agent.ts';
import { request } from '../company/messages.ts';
import { stop } from '../company/settings.ts';
import { openState, publicJwks } from '../company/state.ts';
import { writeLine } from '../company/write-line.ts';
import { signIn } from './sign-in.ts';

/** The employees' app of one tenant: signs a user in at the company's own issuer, then asks an agent through the broker. */
const { values } = parseArgs({
  options: {
    broker: { type: 'string', default: process.env['BROKER_URL'] ?? 'http://localhost:8080' },
    state: { type: 'string', default: process.env['STATE_DIR'] ?? '' },
    tenant: { type: 'string', default: process.env['TENANT'] ?? '' },
    issuer: { type: 'string', default: process.env['ISSUER'] ?? '' },
    'issuer-client': { type: 'string', default: 'travel-app' },
    registration: { type: 'boolean', default: false },
    user: { type: 'string', default: process.env['APP_USER'] ?? '' },
    password: { type: 'string', default: process.env['APP_PASSWORD'] ?? '' },
    agent: { type: 'string', default: 'concierge/planner' },
    text: { type: 'string' },
    task: { type: 'string' },
    dpop: { type: 'boolean', default: false },
  },
});
const { broker, tenant, issuer, agent } = values;
if (values.state === '' || tenant === '' || issuer === '')
  stop('--state DIRECTORY --tenant ID --issuer URL are needed.');

const clientId = `${tenant}-travel-app`;
const key = await (await openState(values.state)).key('app');

if (values.registration) {
  writeLine({
    register: {
      client: {
        id: clientId,
        name: 'Travel app',
        owner: `tenant:${tenant}`,
        jwks: publicJwks(key),
        grantTypes: ['urn:ietf:params:oauth:grant-type:token-exchange'],
        scopes: [],
        issuerClientIds: { [issuer]: values['issuer-client'] },
      },
    },
  });
} else {
  try {
    const answer = await ask();
    writeLine({ answer });
    // The agent answered, and what it was asked for did not come about.
    if (answer.task.status.state === 'TASK_STATE_FAILED') process.exitCode = 4;
  } catch (error) {
    writeLine({ refused: refusalOf(error) });
    process.exitCode = 3;
  }
}

interface Answer {
  readonly user: string;
  readonly tenant: string;
  readonly agent: string;
  readonly taskId: string;
  readonly task: { readonly status: { readonly state: string } };
}

async function ask(): Promise<Answer> {
  const { user: username, password } = values;
  if ((values.text === undefined) === (values.task === undefined))
    stop('Give exactly one of --text QUESTION and --task ID.');
  const idToken = await signIn({ issuer, clientId: values['issuer-client'], username, password });
  // With a key of its own, made now and kept nowhere, the token is of use to this process alone.
  const dpop = values.dpop ? createDpopKey() : undefined;
  const client = createBrokerClient({ broker, clientId, privateKey: key, dpop });
  const fetchImpl = brokerFetch({
    client,
    agent,
    subjectToken: () => idToken,
    subjectTokenType: 'id_token',
  });
  const remote = await connect(broker, agent, fetchImpl);
  const result =
    values.task === undefined
      ? await remote.sendMessage(request(values.text ?? ''))
      : await remote.getTask(GetTaskRequest.fromJSON({ id: values.task }));
  if (!('status' in result)) throw new Error('The agent answered without a task.');
  return { user: username, tenant, agent, taskId: result.id, task: Task.toJSON(result) as Answer['task'] };
}

/** `code` is OAuth's or A2A's own word for it. */
function refusalOf(error: unknown): object {
  const code =
    error instanceof BrokerError
      ? error.code
      : error instanceof Error && 'reason' in error
        ? String(error.reason)
        : 'failed';
  return { agent, code, message: error instanceof Error ? error.message : String(error) };
}
