import type { JsonValue } from '../kernel/json.ts';
import type { Deployment } from '../registry/index.ts';
import type { CallContext, Standing, UpstreamToken } from '../trust/index.ts';
import type { RpcRequest } from './read-request.ts';

/** What is known of a caller before its request is read. */
export interface Caller {
  readonly agentId: string;
  readonly context: CallContext;
  readonly requestId: string;
}

/** A call that may be made: everything was checked, and where it goes is decided. */
export interface Call extends Caller {
  readonly callId: string;
  readonly request: RpcRequest;
  readonly standing: Standing;
  readonly deployment: Deployment;
  readonly upstream: UpstreamToken;
  readonly body: Buffer;
  /** Bytes of the caller's request. */
  readonly bytesIn: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
}

/** The answer's JSON-RPC id, as far as it is known yet. */
export interface RequestId {
  value: JsonValue;
}
