import { type ApiClient, apiPath } from '../api-client.ts';
import { type Ensured, find } from './ensure.ts';

/** Both of these have no name by which a second one would be refused: so they are looked for first. */
export async function agreeToPassOn(api: ApiClient, from: string, to: string): Promise<Ensured> {
  const path = '/v1/agreements';
  const inForce = await find(
    api,
    { path },
    (item) => item['from'] === from && item['to'] === to && item['status'] === 'active',
  );
  if (inForce !== undefined) return 'kept';
  await api.request({ method: 'POST', path, body: { from, to } });
  return 'made';
}

/** From this month on, which is closed at the end of the demo: a later start finds it, and could not make it any more. */
export async function agreeOnCommission(
  api: ApiClient,
  terms: {
    readonly provider: string;
    readonly commissionBps: number;
    readonly currency: string;
    readonly month: string;
  },
): Promise<Ensured> {
  const { provider, commissionBps, currency, month } = terms;
  const path = apiPath('v1', 'providers', provider, 'contracts');
  const inForce = await find(
    api,
    { path },
    (item) => item['currency'] === currency && item['commissionBps'] === commissionBps,
  );
  if (inForce !== undefined) return 'kept';
  await api.request({ method: 'POST', path, body: { commissionBps, currency, from: month } });
  return 'made';
}
