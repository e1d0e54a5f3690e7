/**
 * What a company needs to be part of the federation, without anything of the server: a provider checks who calls and reports
 * usage, and whoever calls an agent gets the right token for it.
 *
 * @module a2a-federation-broker/kit
 */
export { brokerAuthentication, type BrokerAuthenticationOptions } from './broker-authentication.ts';
export { brokerFetch, type BrokerFetchOptions } from './broker-fetch.ts';
export {
  type BrokerClient,
  type BrokerClientOptions,
  type BrokerToken,
  createBrokerClient,
  type ExchangeRequest,
  type IdJag,
  type RedeemRequest,
  type SubjectTokenType,
} from './broker-client.ts';
export type { PresentedRequest, UseProof } from './dpop-verifier.ts';
export { createDpopKey, type DpopKey, type ProofRequest } from './dpop.ts';
export { BrokerError, type BrokerErrorCode } from './broker-error.ts';
export {
  type Actor,
  type TenantContext,
  TenantContextError,
  type TenantContextErrorCode,
} from './tenant-context.ts';
export {
  createTenantContextVerifier,
  type TenantContextVerifier,
  type TenantContextVerifierOptions,
} from './tenant-context-verifier.ts';
export type { UsageOutcome } from './usage-delivery.ts';
export type { Usage, UsageEvent } from './usage-event.ts';
export { createUsageReporter, type UsageReporter, type UsageReporterOptions } from './usage-reporter.ts';
export {
  createUsageQueueHandler,
  type UsageQueueAnswer,
  type UsageQueueBatch,
  type UsageQueueOptions,
} from './usage-queue.ts';
