import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rememberAddress } from '../../../src/cli/demo/broker-address.ts';
import { choosePlace, stateDirectory } from '../../../src/cli/demo/place.ts';
import { isFree } from '../../../src/cli/demo/ports.ts';
import { freePort } from '../../support/broker-process.ts';

describe('the place of a demo', () => {
  let directory: string;
  const servers: Server[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'place-'));
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
    await rm(directory, { recursive: true, force: true });
  });

  const choose = (env: Record<string, string> = {}, isTemporary = false) =>
    choosePlace(env, { directory, programs: ['skyways', 'acme-idp'], isTemporary });

  /** Somebody else's program, on one of the two loopback addresses. */
  function occupy(port: number, host = '127.0.0.1'): Promise<number> {
    return new Promise((resolve, reject) => {
      const server = createServer().once('error', reject);
      servers.push(server);
      server.listen(port, host, () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  }

  async function keepStore(brokerUrl?: string): Promise<void> {
    await writeFile(join(directory, 'broker.mdb'), '');
    if (brokerUrl !== undefined) await rememberAddress(directory, brokerUrl);
  }

  async function keepPort(name: string, port: number): Promise<void> {
    await mkdir(stateDirectory({ directory }, name), { recursive: true });
    await writeFile(join(stateDirectory({ directory }, name), 'port'), String(port));
  }

  it('is where PORT says at the first start, with the companies next to it', async () => {
    const port = await freePort();
    expect(await choose({ PORT: String(port) })).toMatchObject({
      directory,
      isKept: false,
      brokerUrl: `http://localhost:${port}`,
      brokerPort: port,
      notes: [],
    });
  });

  it('is where BROKER_URL says, to the letter', async () => {
    const port = await freePort();
    const brokerUrl = `http://127.0.0.1:${port}`;
    expect(await choose({ BROKER_URL: brokerUrl, PORT: '1' })).toMatchObject({ brokerUrl, brokerPort: port });
  });

  it('lets the system choose for a company whose port is taken', async () => {
    const port = await freePort();
    await occupy(port + 1).catch(() => undefined);
    expect((await choose({ PORT: String(port) })).ports['skyways']).toBe(0);
  });

  it('stays where it was, whatever is free', async () => {
    const [port, company] = [await freePort(), await freePort()];
    await keepStore(`http://localhost:${port}`);
    await keepPort('skyways', company);
    expect(await choose()).toMatchObject({
      isKept: true,
      brokerUrl: `http://localhost:${port}`,
      brokerPort: port,
      ports: { skyways: company },
    });
  });

  it('is never in the books of somebody’s own broker', async () => {
    await writeFile(join(directory, 'broker.mdb'), '');
    await expect(choose()).rejects.toMatchObject({
      reason: 'configuration',
      message: `The data in ${directory} are those of a broker of yours, not the demo’s.`,
    });
  });

  it('cannot be elsewhere than its data', async () => {
    const port = await occupy(0);
    await keepStore(`http://localhost:${port}`);
    await expect(choose()).rejects.toMatchObject({
      reason: 'failed',
      message: `Port ${port} is in use by another program, and the broker of the data in ${directory} is http://localhost:${port} for good.`,
    });
    await expect(choose({ PORT: '9' })).rejects.toMatchObject({
      reason: 'configuration',
      message: `The data in ${directory} belong to http://localhost:${port}, but PORT asks for http://localhost:9.`,
    });
  });

  it('cannot be without a company that is elsewhere', async () => {
    await keepStore(`http://localhost:${await freePort()}`);
    const port = await occupy(0);
    await keepPort('acme-idp', port);
    await expect(choose()).rejects.toThrow(
      `Port ${port} is in use by another program, and acme-idp is http://127.0.0.1:${port} for good.`,
    );
  });

  it('names the port that was asked for and is taken', async () => {
    const port = await occupy(0);
    await expect(choose({ PORT: String(port) })).rejects.toThrow(
      `Port ${port} is in use by another program.`,
    );
  });

  it('takes a port as taken on either loopback address', async () => {
    const port = await freePort();
    expect(await isFree(port)).toBe(true);
    await occupy(port, '::1');
    expect(await isFree(port)).toBe(false);
  });

  it.each([
    'https://broker.example.com',
    'http://192.0.2.1:8080',
    'http://localhost:8080/',
    'localhost:8080',
  ])('is on this machine, not at %s', async (url) => {
    await expect(choose({ BROKER_URL: url })).rejects.toMatchObject({
      reason: 'configuration',
      message: `The demo runs on this machine alone, but BROKER_URL is ${url}.`,
    });
  });

  it.each(['99999', 'http', '-1'])('has no port %s', async (port) => {
    await expect(choose({ PORT: port })).rejects.toThrow(`PORT is ${port}, which is no port number.`);
  });

  it('does not guess when what it remembers is damaged', async () => {
    await keepStore('http://localhost:1');
    await writeFile(join(directory, 'demo', 'place.json'), '{"brokerUrl"');
    await expect(choose()).rejects.toThrow('does not hold the address of a broker');
  });

  it('is anywhere when nobody comes back to it', async () => {
    const place = await choose({ BROKER_URL: 'https://broker.example.com', PORT: 'x' }, true);
    expect(place).toMatchObject({ isKept: false, ports: { skyways: 0, 'acme-idp': 0 } });
    expect(await isFree(place.brokerPort)).toBe(true);
  });
});
