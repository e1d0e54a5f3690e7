import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { freePort } from '../support/broker-process.ts';
import { finding, patient, start, startOnce, useDoctor } from './doctor-patient.ts';

useDoctor();

describe('the operator token', () => {
  it('fails when the running broker has another', async () => {
    await start();
    expect(await finding('operator token', { BROKER_OPERATOR_TOKEN: 'a-token-of-another-broker' })).toBe(
      'fail: set, but the running broker was started with another',
    );
  });

  it('is missed when the first start made it and it is not here', async () => {
    await startOnce();
    expect(await finding('operator token')).toBe(
      'warn: the first start made one and printed it; here it is not set',
    );
  });
});

describe('port and address', () => {
  it('fail when another program is there', async () => {
    const other = createServer((_, response) => response.end('{}')).listen(patient.port, '127.0.0.1');
    await once(other, 'listening');
    expect(await finding('port')).toBe(`fail: ${patient.port} on 127.0.0.1 is in use by another program`);
    expect(await finding('address')).toBe(
      `fail: what answers at http://127.0.0.1:${patient.port} is no broker`,
    );
    other.closeAllConnections();
    other.close();
    await once(other, 'close');
  });

  it('fail when another broker is there', async () => {
    await start({ BROKER_URL: 'http://localhost:1' });
    expect(await finding('port')).toMatch(
      /^fail: .*in use by a broker that calls itself http:\/\/localhost:1$/,
    );
    expect(await finding('address')).toMatch(
      /^fail: .*leads to a broker that calls itself http:\/\/localhost:1$/,
    );
  });

  it('fail when the broker runs, but its address does not lead to it', async () => {
    const nowhere = `http://127.0.0.1:${await freePort()}`;
    await start({ BROKER_URL: nowhere });
    expect(await finding('port', { BROKER_URL: nowhere })).toMatch(/^ok: .*held by this broker/);
    expect(await finding('address', { BROKER_URL: nowhere })).toMatch(
      /^fail: the broker runs, but not at BROKER_URL\./,
    );
  });

  it('fail when the broker is not ready', async () => {
    const unready = createServer((request, response) => {
      if (request.url === '/readyz') response.statusCode = 503;
      const issuer = patient.env['BROKER_URL'];
      response.end(
        JSON.stringify(request.url?.startsWith('/.well-known') === true ? { issuer } : { status: 'x' }),
      );
    }).listen(patient.port, '127.0.0.1');
    await once(unready, 'listening');
    expect((unready.address() as AddressInfo).port).toBe(patient.port);
    expect(await finding('port')).toMatch(/^fail: .*this broker, which is not ready/);
    unready.closeAllConnections();
    unready.close();
    await once(unready, 'close');
  });

  it('fail when the host is not of this machine', async () => {
    expect(await finding('port', { HOST: '192.0.2.1' })).toMatch(
      /^fail: HOST is 192\.0\.2\.1, which is no address/,
    );
  });
});
