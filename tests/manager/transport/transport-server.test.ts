import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect as connectTcp } from 'node:net';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { connect as connectTls } from 'node:tls';
import { text } from 'node:stream/consumers';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { PeerIdentity } from '../../../manager/common/pki/pki.js';
import { peerIdentity } from '../../../manager/common/pki/pki.js';
import { dial } from '../../../manager/common/protocol/transport.js';
import type { ServeOptions, TransportServer } from '../../../manager/transport/transport-server.js';
import { serve } from '../../../manager/transport/transport-server.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { createTestPki, isManagerOf } from '../../helpers/pki/pki.js';
import { until } from '../../helpers/until.js';

let pki: TestPki;

test.before(async () => {
  pki = await createTestPki('c1');
});

async function start(
  t: ExecutionContext,
  options: Partial<ServeOptions<PeerIdentity>> = {},
): Promise<TransportServer> {
  const server = await serve<PeerIdentity>({
    host: '127.0.0.1',
    port: 0,
    tls: await pki.node('manager', 'm1'),
    log: silentLogger,
    authenticate: peerIdentity,
    call: () => Promise.resolve(null),
    stream: async ({ accept }) => {
      for await (const _ of await accept('stream'));
    },
    health: { path: '/v1/health', answer: () => ({ ok: true, filler: 'x'.repeat(100_000) }) },
    ...options,
  });
  t.teardown(() => server.close());
  return server;
}

/** Opens connections that send nothing; they are counted until they close. */
async function openIdle(t: ExecutionContext, port: number, count: number): Promise<Set<Socket>> {
  const open = new Set<Socket>();
  for (let index = 0; index < count; index += 1) {
    const socket = connectTcp({ host: '127.0.0.1', port, allowHalfOpen: true });
    t.teardown(() => socket.destroy());
    socket.on('error', () => undefined).resume();
    await once(socket, 'connect');
    open.add(socket);
    socket.once('close', () => open.delete(socket)).once('end', () => socket.destroy());
  }
  return open;
}

/** A TLS connection without a certificate whose end stays open when the server ends its own. */
async function openStranger(t: ExecutionContext, port: number): Promise<TLSSocket> {
  const raw = connectTcp({ host: '127.0.0.1', port, allowHalfOpen: true });
  const socket = connectTls({ socket: raw, ca: pki.ca, checkServerIdentity: () => undefined });
  t.teardown(() => raw.destroy());
  socket.on('error', () => undefined);
  raw.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

async function dialAs(server: TransportServer): ReturnType<typeof dial> {
  return dial({
    address: `127.0.0.1:${server.port}`,
    path: '/v1/session',
    tls: await pki.node('worker', 'w1'),
    verifyPeer: isManagerOf('c1'),
    keepAlive: 'stream',
  });
}

test('the connection of a rejected upgrade is closed although the client keeps its end open', async (t) => {
  const { port } = await start(t);
  const socket = await openStranger(t, port);
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  socket.write(
    'GET /v1/session HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  );
  // A write fails only once the server has closed both directions.
  await until('the reset', 20_000, () => {
    if (!socket.destroyed) socket.write('x');
    return Promise.resolve(socket.destroyed);
  });
  t.regex(text, /403 Refused[^]*no client certificate was presented/);
});

test('one address holds a bounded number of connections without a certificate', async (t) => {
  const server = await start(t);
  const open = await openIdle(t, server.port, 140);
  await until('the oldest to be closed', 20_000, () => Promise.resolve(open.size <= 128));
  t.is(open.size, 128);
  // The newest stay: a machine of the cluster behind the same address can still connect.
  const connection = await dialAs(server);
  t.is(open.size, 127);
  connection.close();
});

test('the number of connections without a certificate is bounded in total', async (t) => {
  const limits = { strangers: { perAddress: 9, total: 3 } };
  const server = await start(t, { limits });
  const open = await openIdle(t, server.port, 5);
  await until('the oldest to be closed', 20_000, () => Promise.resolve(open.size <= 3));
  t.is(open.size, 3);
  (await dialAs(server)).close();
});

test('a connection without a certificate ends at its deadline, whatever it sends', async (t) => {
  const { port } = await start(t, { limits: { strangerDeadlineMs: 1_000 } });
  const socket = await openStranger(t, port);
  // Requests whose answers are not read.
  for (let count = 0; count < 100; count += 1)
    socket.write('GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n');
  socket.pause();
  await until('the reset', 20_000, () => {
    if (!socket.destroyed) socket.write('x');
    return Promise.resolve(socket.destroyed);
  });
  t.true(socket.destroyed);
});

test('connections with a certificate are bounded, and the deadline does not concern them', async (t) => {
  const limits = { members: { perAddress: 2, total: 9 }, strangerDeadlineMs: 500 };
  const server = await start(t, { limits });
  const [one, two] = [await dialAs(server), await dialAs(server)];
  await t.throwsAsync(dialAs(server), { message: /does not answer/ });
  const stranger = await openStranger(t, server.port);
  await once(stranger.resume(), 'end');
  one.close();
  await one.ended;
  await until('a free place', 20_000, async () => {
    const third = await dialAs(server).catch(() => undefined);
    third?.close();
    return third !== undefined;
  });
  await two.send('still open');
  two.close();
  t.is((await two.ended).code, 1000);
});

/** Sends one request over TLS with the given options; resolves with the answer's text. */
async function askOver(
  t: ExecutionContext,
  port: number,
  path: string,
  tls: SecureContextOptions,
): Promise<string> {
  const socket = connectTls({
    ...{ host: '127.0.0.1', port, ...(await pki.node('worker', 'w1')), ...tls },
    checkServerIdentity: () => undefined,
  });
  t.teardown(() => socket.destroy());
  await once(socket, 'secureConnect');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  return text(socket);
}

test('TLS 1.2 is accepted with forward-secret AEAD ciphers for Docker clients only', async (t) => {
  const { port } = await start(t, {
    web: {
      matches: (path) => path === '/_ping',
      answer: ({ response }) => {
        response.end('pong');
        return Promise.resolve();
      },
      upgrade: () => Promise.resolve(),
    },
  });
  const old = { maxVersion: 'TLSv1.2' } as const;
  t.regex(await askOver(t, port, '/_ping', old), /pong/u);
  t.regex(await askOver(t, port, '/v1/health', old), /403 .*TLS 1\.3 is required/su);
  t.regex(await askOver(t, port, '/v1/health', {}), /200 OK/u);
  for (const ciphers of [
    'ECDHE-ECDSA-AES128-SHA256',
    'ECDHE-RSA-AES128-SHA',
    'AES128-GCM-SHA256',
  ]) {
    await t.throwsAsync(askOver(t, port, '/_ping', { ...old, ciphers }));
  }
  await t.throwsAsync(askOver(t, port, '/_ping', { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }));
});
