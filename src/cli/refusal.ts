import { asText, isJsonObject, type JsonValue } from '../kernel/json.ts';
import { Failure } from './failure.ts';

/** RFC 9457 as one sentence, the wrong fields, and the id under which the server's log has it. */
export function refusal(
  status: number,
  problem: JsonValue | undefined,
  broker: string,
  hadToken: boolean,
): Failure {
  const reason = status < 500 ? 'refused' : 'failed';
  if (!isJsonObject(problem) || typeof problem['code'] !== 'string')
    return new Failure(reason, `${broker} answered ${status} without saying why: is it the broker?`);
  const { title, detail, code, errors, requestId } = problem;
  const fields = Array.isArray(errors) ? errors.filter((field: JsonValue) => isJsonObject(field)) : [];
  return new Failure(reason, `${asText(detail) || asText(title) || 'Refused.'} (${status} ${code})`, {
    problem,
    hints: [
      ...fields.map((field) => `${asText(field['path'])}: ${asText(field['message'])}`),
      ...(status === 401 ? [hadToken ? wrongToken : noToken] : []),
      ...(typeof requestId === 'string' ? [`request id: ${requestId}`] : []),
    ],
  });
}

const noToken =
  'No token was sent: set BROKER_OPERATOR_TOKEN, give --token-file, or run where the data directory of the broker is.';
const wrongToken = 'The token that was sent is not this broker’s, or has expired.';
