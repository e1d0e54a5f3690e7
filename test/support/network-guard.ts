import { isIP, Socket } from 'node:net';

/** Tests talk to this machine only: a test that reaches out is a test that fails elsewhere. */
// oxlint-disable-next-line typescript/unbound-method -- called with Reflect.apply on the socket
const connect = Socket.prototype.connect;
const loopback = /^(?:localhost|127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;
/** Whoever names a DynamoDB elsewhere wants it to be reached. */
const named = process.env['DYNAMODB_ENDPOINT']
  ? new URL(process.env['DYNAMODB_ENDPOINT']).hostname
  : undefined;

Socket.prototype.connect = function guarded(this: Socket, ...args: unknown[]): Socket {
  const first: unknown = Array.isArray(args[0]) ? args[0][0] : args[0];
  const options = typeof first === 'object' && first !== null ? first : {};
  // With a look-up of its own, a test decides itself which addresses a name has.
  const host = 'host' in options && !('lookup' in options && isName(options.host)) ? options.host : undefined;
  if (typeof host === 'string' && host !== named && !loopback.test(host)) {
    this.destroy(new Error(`a test tried to reach ${host}`));
    return this;
  }
  return Reflect.apply(connect, this, args) as Socket;
} as typeof connect;

function isName(host: unknown): boolean {
  return typeof host === 'string' && isIP(host) === 0;
}
