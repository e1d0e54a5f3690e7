import { createSocket } from 'node:dgram';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isPublicAddress } from '../../src/outbound/address.ts';
import { createOutbound } from '../../src/outbound/index.ts';
import { maxTxtLength, maxTxtRecords, type Outbound } from '../../src/outbound/port.ts';
import { resolveTxtFrom } from '../../src/outbound/txt.ts';
import { createLog } from '../../src/telemetry/log.ts';

const log = createLog({ level: 'silent' });
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

function outbound(options: Partial<Parameters<typeof createOutbound>[0]> = {}): Outbound {
  const made = createOutbound({ log, allowPrivateNetwork: true, ...options });
  open.push(made);
  return made;
}

async function serve(listener: RequestListener): Promise<{ url: string; port: number; hits(): number }> {
  let hits = 0;
  const server: Server = createServer((req, res) => {
    hits++;
    listener(req, res);
  });
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  open.push({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, hits: () => hits };
}

describe('addresses', () => {
  it.each([
    '127.0.0.1',
    '127.8.8.8',
    '0.0.0.0',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd00:ec2::254',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:a9fe:a9fe',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001:db8::1',
    '2001::1',
    'fec0::1',
    '::127.0.0.1',
    '::7f00:1',
    '::a9fe:a9fe',
    '4000::1',
    'e000::1',
    '168.63.129.16',
    '::ffff:168.63.129.16',
    '[::1]',
    'localhost',
    '',
    'not an address',
  ])('refuses %j', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(['8.8.8.8', '1.1.1.1', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808', '2002:808:808::'])(
    'allows %j',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );
});

describe('with private networks closed', () => {
  it.each([
    'https://127.0.0.1/',
    'https://127.1/',
    'https://0x7f.1/',
    'https://2130706433/',
    'https://017700000001/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://169.254.169.254/latest/meta-data',
    'https://0/',
    'https://①②⑦.0.0.1/',
    'https://[fe80::1]/',
  ])('refuses %s before any connection', async (url) => {
    await expect(outbound({ allowPrivateNetwork: false }).fetch({ url })).rejects.toMatchObject({
      code: 'address_refused',
    });
    expect(() => outbound({ allowPrivateNetwork: false }).pool(new URL(url).origin)).toThrow(
      expect.objectContaining({ code: 'address_refused' }),
    );
  });

  it.each([
    'http://example.com/',
    'ftp://example.com/',
    'file:///etc/passwd',
    'https://user:pw@example.com/',
    'nonsense',
    `https://example.com/${'x'.repeat(3000)}`,
  ])('refuses the URL %s', async (url) => {
    await expect(outbound({ allowPrivateNetwork: false }).fetch({ url })).rejects.toMatchObject({
      code: 'bad_url',
    });
  });

  it('refuses a name that resolves to a private address, also when only one of several is', async () => {
    const target = await serve((_, res) => res.end('{}'));
    for (const addresses of [
      ['127.0.0.1'],
      ['8.8.8.8', '127.0.0.1'],
      ['::ffff:127.0.0.1'],
      ['169.254.169.254'],
    ]) {
      const resolve = () =>
        Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
      const guarded = outbound({ allowPrivateNetwork: false, resolve });
      await expect(guarded.fetch({ url: `https://rebind.example:${target.port}/` })).rejects.toMatchObject({
        code: 'address_refused',
      });
      await expect(
        guarded.pool(`https://rebind.example:${target.port}`).request({ path: '/', method: 'GET' }),
      ).rejects.toMatchObject({
        code: 'address_refused',
      });
    }
    expect(target.hits()).toBe(0);
  });

  it('connects to what was judged: a second look-up with another answer is never made', async () => {
    let lookups = 0;
    const resolve = () => {
      lookups++;
      return Promise.resolve([{ address: lookups === 1 ? '192.0.2.1' : '127.0.0.1', family: 4 }]);
    };
    await expect(
      outbound({ allowPrivateNetwork: false, resolve }).fetch({ url: 'https://rebind.example/' }),
    ).rejects.toMatchObject({
      code: 'address_refused',
    });
    expect(lookups).toBe(1);
  });
});

describe('documents', () => {
  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['identity', (text: string) => Buffer.from(text)],
  ])('brings one, decoded from %s', async (encoding, encode) => {
    const { url } = await serve((req, res) => {
      res.setHeader('X-Seen', `${req.headers['accept']} ${req.headers['accept-encoding']}`);
      res.setHeader('Content-Encoding', encoding);
      res.end(encode('{"a":1}'));
    });
    const response = await outbound().fetch({ url });
    expect(response).toMatchObject({ status: 200, body: '{"a":1}' });
    expect(response.headers['x-seen']).toBe('application/json identity');
  });

  it('refuses content that it cannot decode: unknown, chained, cut off, not what it says', async () => {
    const content = gzipSync('{"a":1}');
    for (const [encoding, body] of [
      ['zstd', content],
      ['gzip, gzip', gzipSync(content)],
      ['gzip', content.subarray(0, 12)],
      ['gzip', Buffer.from('{"a":1}')],
    ] as const) {
      const { url } = await serve((_, res) => res.writeHead(200, { 'Content-Encoding': encoding }).end(body));
      await expect(outbound().fetch({ url })).rejects.toMatchObject({ code: 'unreachable' });
    }
  });

  it('does not follow redirects', async () => {
    const inner = await serve((_, res) => res.end('secret'));
    const { url } = await serve((_, res) => res.writeHead(302, { Location: inner.url }).end());
    await expect(outbound().fetch({ url })).rejects.toMatchObject({ code: 'redirect_refused' });
    expect(inner.hits()).toBe(0);
  });

  it('stops at the limit, announced or not, and after decompression', async () => {
    const announced = await serve((_, res) => res.end('x'.repeat(2000)));
    const endless = await serve((_, res) => {
      const more = () => {
        while (res.write('x'.repeat(65_536)));
      };
      res.on('drain', more);
      more();
    });
    const bomb = await serve((_, res) =>
      res.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync(Buffer.alloc(20 << 20))),
    );
    for (const { url } of [announced, endless, bomb])
      await expect(outbound().fetch({ url, maxBytes: 1000 })).rejects.toMatchObject({ code: 'too_large' });
  });

  it('gives up on a server that dribbles', async () => {
    const { url } = await serve((_, res) => {
      const timer = setInterval(() => res.write(' '), 20);
      res.on('close', () => clearInterval(timer));
    });
    await expect(outbound().fetch({ url, timeoutMs: 150 })).rejects.toMatchObject({ code: 'timeout' });

    const compressed = await serve((_, res) => {
      res.writeHead(200, { 'Content-Encoding': 'gzip' }).write(gzipSync('{"a":1}').subarray(0, 12));
    });
    await expect(outbound().fetch({ url: compressed.url, timeoutMs: 150 })).rejects.toMatchObject({
      code: 'timeout',
    });
  });

  it('says unreachable for a closed port and for what is not HTTP', async () => {
    await expect(outbound().fetch({ url: 'http://127.0.0.1:1/' })).rejects.toMatchObject({
      code: 'unreachable',
    });
    const { url } = await serve((req) => req.socket.end('SSH-2.0-nothing\r\n'));
    await expect(outbound().fetch({ url })).rejects.toMatchObject({ code: 'unreachable' });
  });
});

it(
  'is not held up by one owner’s thousand host names that want to be kept alive',
  { timeout: 60_000 },
  async () => {
    const { port } = await serve((_, res) => res.end('{}'));
    const resolve = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
    const out = outbound({ resolve });
    const fetch = (name: string) => out.fetch({ url: `http://${name}.example:${port}/` });
    for (let start = 0; start < 1000; start += 50)
      await Promise.allSettled(Array.from({ length: 50 }, (_, index) => fetch(`h${start + index}.hostile`)));
    await vi.waitFor(async () => expect((await fetch('honest')).status).toBe(200), {
      timeout: 30_000,
      interval: 250,
    });
  },
);

it('keeps one pool for an origin', () => {
  const out = outbound();
  expect(out.pool('http://127.0.0.1:1')).toBe(out.pool('http://127.0.0.1:1'));
});

/** A DNS server (RFC 1035) that answers TXT questions for one name; `undefined` says nothing at all. */
async function serveTxt(
  answer: (name: string) => readonly (readonly string[])[] | 'NXDOMAIN' | 'SERVFAIL' | undefined,
): Promise<string> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const labels: string[] = [];
    let at = 12;
    while ((query[at] ?? 0) !== 0) {
      const length = query[at] ?? 0;
      labels.push(query.subarray(at + 1, at + 1 + length).toString());
      at += length + 1;
    }
    const question = query.subarray(12, at + 5);
    const result = answer(labels.join('.'));
    if (result === undefined) return;
    const records = typeof result === 'string' ? [] : result;
    const code = result === 'NXDOMAIN' ? 3 : result === 'SERVFAIL' ? 2 : 0;
    const header = Buffer.from([0, 0, 0x81, 0x80 | code, 0, 1, 0, records.length, 0, 0, 0, 0]);
    query.copy(header, 0, 0, 2);
    const answers = records.map((parts) => {
      const data = Buffer.concat(parts.map((part) => Buffer.from([part.length, ...Buffer.from(part)])));
      return Buffer.concat([
        Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 0, data.length >> 8, data.length & 255]),
        data,
      ]);
    });
    socket.send(Buffer.concat([header, question, ...answers]), from.port, from.address);
  });
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', resolve);
  });
  open.push({ close: () => socket.close() });
  return `127.0.0.1:${socket.address().port}`;
}

describe('TXT records', () => {
  const ask = async (name: string, answer: Parameters<typeof serveTxt>[0]) =>
    outbound({ resolveTxt: resolveTxtFrom([await serveTxt(answer)]) }).resolveTxt(name);

  it('are what DNS says, each joined from its parts', async () => {
    const asked: string[] = [];
    const records = await ask('_a2a-broker-challenge.login.example', (name) => {
      asked.push(name);
      return [['v=spf1 -all'], ['one ', 'two']];
    });
    expect(records).toEqual(['v=spf1 -all', 'one two']);
    expect(asked).toEqual(['_a2a-broker-challenge.login.example']);
  });

  it('are none when there is no such name, or nothing at it, or the name is too long to exist', async () => {
    expect(await ask('gone.example', () => 'NXDOMAIN')).toEqual([]);
    expect(await ask('empty.example', () => [])).toEqual([]);
    expect(await ask(`${'a'.repeat(250)}.example`, () => [['x']])).toEqual([]);
  });

  it('cannot be had when DNS fails', async () => {
    await expect(ask('broken.example', () => 'SERVFAIL')).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('are bounded in length and number', async () => {
    const long = 'x'.repeat(maxTxtLength + 1);
    const resolveTxt = () => Promise.resolve([[long], ...Array.from({ length: 99 }, () => ['x'])]);
    expect(await outbound({ resolveTxt }).resolveTxt('many.example')).toEqual(
      Array.from({ length: maxTxtRecords }, () => 'x'),
    );
    const late = () => Promise.reject(Object.assign(new Error('late'), { code: 'ETIMEOUT' }));
    await expect(outbound({ resolveTxt: late }).resolveTxt('late.example')).rejects.toMatchObject({
      code: 'timeout',
    });
  });
});
