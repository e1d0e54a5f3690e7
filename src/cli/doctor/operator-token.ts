import type { Config } from '../../config/index.ts';
import { createApiClient } from '../api-client.ts';
import { confidentialAddress } from '../connection.ts';
import { Failure } from '../failure.ts';
import { askTimeoutMs } from './ask-broker.ts';
import { type Check, fail, ok, warn } from './check.ts';

export interface TokenFacts {
  readonly wasMade: boolean;
  /** Where this very broker answers, if it runs. */
  readonly runningAt: string | undefined;
}

/** Whether there is an operator's token, and whether the running broker knows it. */
export async function checkOperatorToken(config: Config, { wasMade, runningAt }: TokenFacts): Promise<Check> {
  const name = 'operator token';
  const token = config.BROKER_OPERATOR_TOKEN;
  if (token === undefined)
    return wasMade
      ? warn(
          name,
          'the first start made one and printed it; here it is not set',
          'Set BROKER_OPERATOR_TOKEN to it for the other commands. If it is lost, set a new one and start the broker again.',
        )
      : ok(
          name,
          'there is none yet; `a2a-broker init` makes one, else the first start does and prints it once',
        );
  if (runningAt === undefined) return ok(name, 'set');
  try {
    const api = createApiClient({ broker: confidentialAddress(runningAt), token });
    await api.request({ path: '/v1/providers', query: { limit: 1 }, timeoutMs: askTimeoutMs });
    return ok(name, 'set, and the running broker knows it');
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.reason === 'refused')
      return fail(
        name,
        'set, but the running broker was started with another',
        'Start the broker again with this one, or set BROKER_OPERATOR_TOKEN to the one that it has.',
      );
    return warn(name, `set, but the running broker could not be asked. ${error.message}`, ...error.hints);
  }
}
