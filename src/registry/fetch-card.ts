import { Fault } from '../kernel/fault.ts';
import { OutboundError, type OutboundErrorCode } from '../outbound/port.ts';
import { maxCardBytes } from './card.ts';
import type { RegistryContext } from './deps.ts';
import type { RegistryErrorCode } from './errors.ts';

/** The card's text from exactly this URL. Throws `card_unreachable`, saying what the provider can mend. */
export async function fetchCard(context: Pick<RegistryContext, 'outbound'>, url: string): Promise<string> {
  try {
    const response = await context.outbound.fetch({ url, maxBytes: maxCardBytes });
    if (response.status !== 200) throw unreachable(`The server answered ${response.status} instead of 200.`);
    return response.body;
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    throw unreachable(explanations[error.code], error);
  }
}

const explanations = {
  bad_url: 'The URL is not one that can be fetched: it must be an absolute https URL without credentials.',
  address_refused: 'The host is not a public address.',
  redirect_refused: 'The server redirects; register the URL at which the card is.',
  too_large: `The answer has more than ${maxCardBytes} bytes.`,
  timeout: 'The server did not answer in time.',
  unreachable: 'The server could not be reached.',
} as const satisfies Record<OutboundErrorCode, string>;

function unreachable(message: string, cause?: unknown): Fault<RegistryErrorCode> {
  return new Fault('card_unreachable', message, cause === undefined ? {} : { cause });
}
