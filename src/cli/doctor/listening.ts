import { createServer } from 'node:net';
import type { Config } from '../../config/index.ts';
import { Failure, systemCode } from '../failure.ts';
import { startFailure } from '../start-failure.ts';
import { type Answering, askBroker } from './ask-broker.ts';
import { type Check, fail, failOf, ok, warn } from './check.ts';

export interface ListeningFindings {
  readonly checks: readonly Check[];
  /** Where this very broker answers, if it runs: on this machine, else at its public address. */
  readonly runningAt: string | undefined;
}

/** Whether the broker can listen, or does; and whether its public address leads to it. */
export async function examineListening(config: Config): Promise<ListeningFindings> {
  const { check, isRunning } = await checkPort(config);
  const address = await checkAddress(config, isRunning);
  const isPublic = address.status === 'ok';
  return {
    checks: [check, address],
    runningAt: isRunning ? localAddress(config) : isPublic ? config.BROKER_URL : undefined,
  };
}

async function checkPort(config: Config): Promise<{ readonly check: Check; readonly isRunning: boolean }> {
  const name = 'port';
  const place = `${config.PORT} on ${config.HOST}`;
  const refusal = await refusalToListen(config);
  if (refusal === undefined)
    return {
      isRunning: false,
      check: ok(name, config.PORT === 0 ? 'the system chooses one' : `${place} is free`),
    };
  const failure = startFailure(refusal, config);
  if (systemCode(refusal) !== 'EADDRINUSE') {
    if (!(failure instanceof Failure)) throw failure;
    return { isRunning: false, check: failOf(name, failure) };
  }
  const answering = await askBroker(localAddress(config));
  const isRunning = 'issuer' in answering && answering.issuer === config.BROKER_URL;
  return { isRunning, check: judgeHolder(name, place, answering, config) };
}

function judgeHolder(
  name: string,
  place: string,
  answering: Answering | { unreachable: string },
  config: Config,
): Check {
  const elsewhere = 'Stop it, or set PORT (and BROKER_URL) to another.';
  if (!('issuer' in answering) || answering.issuer === undefined)
    return fail(name, `${place} is in use by another program`, elsewhere);
  if (answering.issuer !== config.BROKER_URL)
    return fail(name, `${place} is in use by a broker that calls itself ${answering.issuer}`, elsewhere);
  return answering.isReady
    ? ok(name, `${place} is held by this broker, which is ready`)
    : fail(
        name,
        `${place} is held by this broker, which is not ready`,
        'Look into its log: its store or its keys cannot be used.',
      );
}

async function checkAddress(config: Config, isRunning: boolean): Promise<Check> {
  const name = 'address';
  const url = config.BROKER_URL;
  const answering = await askBroker(url);
  if ('unreachable' in answering)
    return isRunning
      ? fail(
          name,
          `the broker runs, but not at BROKER_URL. ${answering.unreachable}`,
          `Let ${url} lead to port ${config.PORT} of this machine: agents and issuers know no other address.`,
        )
      : warn(name, `nobody answers at ${url} yet`, 'Start the broker, then run doctor again.');
  if (answering.issuer === undefined)
    return fail(name, `what answers at ${url} is no broker`, `Let ${url} lead to this broker.`);
  if (answering.issuer !== url)
    return fail(
      name,
      `${url} leads to a broker that calls itself ${answering.issuer}`,
      'Make BROKER_URL of that broker and of this configuration equal to the letter: it is the issuer in every token.',
    );
  return answering.isReady
    ? ok(name, `${url} answers as this broker`)
    : fail(name, `${url} answers as this broker, which is not ready`, 'Look into its log.');
}

/** Listens for a moment. Answers why it may not, or `undefined`. */
function refusalToListen({ HOST, PORT }: Config): Promise<unknown> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host: HOST, port: PORT, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** How the broker is reached from this machine. */
function localAddress({ HOST, PORT }: Config): string {
  const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[HOST] ?? HOST;
  return `http://${host.includes(':') ? `[${host}]` : host}:${PORT}`;
}
