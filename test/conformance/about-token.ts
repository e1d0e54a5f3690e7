import { clientAssertion, type Party } from '../support/party.ts';
import { assertionType, flightsUrl, type Stage } from './stage.ts';

/** What the introspection or the revocation endpoint answered. */
export interface AboutTokenAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Program {
  readonly clientId: string;
  readonly client: Party;
}

/** Asks as this program; `undefined` leaves a parameter out. */
export async function askAbout(
  stage: Stage,
  endpoint: 'introspect' | 'revoke',
  program: Program,
  form: Readonly<Record<string, string | undefined>>,
): Promise<AboutTokenAnswer> {
  const all = {
    client_assertion_type: assertionType,
    client_assertion: await clientAssertion(program.client, program.clientId, stage.url),
    ...form,
  };
  const pairs = Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const response = await fetch(`${stage.url}/oauth/${endpoint}`, {
    method: 'POST',
    body: new URLSearchParams(pairs),
  });
  const text = await response.text();
  const body = (text === '' ? {} : JSON.parse(text)) as AboutTokenAnswer['body'];
  return { status: response.status, headers: response.headers, text, body };
}

/** The program that `skyways/flights` is. */
export function flightsOf(stage: Stage): Program {
  return { clientId: stage.flightsClientId, client: stage.flights };
}

/** A token for the agent's own address, as its provider receives it. */
export async function directToken(stage: Stage): Promise<string> {
  const { body } = await stage.exchange({ audience: undefined, resource: flightsUrl });
  return body.access_token ?? '';
}
