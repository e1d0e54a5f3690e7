import { type Client, ClientFactory, JsonRpcTransportFactory } from '@a2a-js/sdk/client';

/** A client of the official SDK for an agent behind the broker: the brokered card says where it is. */
export function connect(broker: string, agent: string, fetchImpl: typeof fetch): Promise<Client> {
  const factory = new ClientFactory({ transports: [new JsonRpcTransportFactory({ fetchImpl })] });
  return factory.createFromUrl(`${broker}/a2a/${agent}/.well-known/agent-card.json`, '');
}
