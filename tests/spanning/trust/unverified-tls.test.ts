import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { HttpsControlClient } from '../../../cli/client/client.js';
import { checkManagerTls, fetchEngineVersion } from '../../../cli/inventory/engine-client.js';
import { ManagerHttpClient } from '../../../manager/common/protocol/transport-call.js';
import type { TlsMaterial } from '../../../manager/common/protocol/transport-tls.js';
import { dial } from '../../../manager/common/protocol/transport.js';
import { forwardRequest } from '../../../manager/relay/web-relay.js';
import { ConsulClient } from '../../../manager/store/consul/client.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { createTestPki, isManagerOf } from '../../helpers/pki/pki.js';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

let pki: TestPki;
let foreign: TestPki;

test.before(async () => {
  // Node reads the variable at each connection.
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  process.on('warning', () => undefined);
  [pki, foreign] = await Promise.all([createTestPki('c1'), createTestPki('c1')]);
});

/** An impostor: a manager of the same cluster ID, but of another user's CA. */
async function impostor(
  t: ExecutionContext,
): Promise<{ readonly port: number; readonly requests: string[] }> {
  const { cert, key } = await foreign.node('manager', 'm1');
  const requests: string[] = [];
  const server = createServer({ cert, key }, (request, response) => {
    requests.push(request.url ?? '');
    response.end('{}');
  });
  server.on('upgrade', (request, socket) => {
    requests.push(request.url ?? '');
    socket.destroy();
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, requests };
}

const verifyPeer = isManagerOf('c1');

/** Every way in which programs of ours open a TLS connection. */
const clients: Readonly<Record<string, (port: number, tls: TlsMaterial) => Promise<unknown>>> = {
  'a session of a worker': (port, tls) =>
    dial({
      address: `127.0.0.1:${port}`,
      path: '/v1/session',
      tls,
      verifyPeer,
      keepAlive: 'worker',
    }),
  'a call to a manager': (port, tls) =>
    new ManagerHttpClient({ address: `127.0.0.1:${port}`, tls, verifyPeer }).call({
      path: '/v1/call/info',
      body: {},
      timeoutMs: 10_000,
    }),
  'a command': (port, tls) =>
    new HttpsControlClient(
      { name: 'test', id: 'c1', managers: [`https://127.0.0.1:${port}`] },
      tls,
    ).call('info', {}),
  'a forwarded request': (port, tls) =>
    forwardRequest(
      {
        request: Object.assign(new IncomingMessage(new Socket()), { method: 'GET', url: '/info' }),
        body: Buffer.alloc(0),
        signal: AbortSignal.timeout(10_000),
      },
      { address: `127.0.0.1:${port}`, tls, verifyPeer, headers: {}, connectTimeoutMs: 10_000 },
    ),
  'a request to an engine': (port, tls) =>
    fetchEngineVersion({ host: '127.0.0.1', port }, tls, 10_000),
  "the check of a manager's port": (port, tls) =>
    checkManagerTls({ host: '127.0.0.1', port }, tls, 10_000),
  'a request to Consul': (port, tls) =>
    new ConsulClient({ prefix: 'x/', servers: [{ host: '127.0.0.1', port }], tls }).get('x'),
};

for (const [who, connect] of Object.entries(clients)) {
  test(`${who} reaches no impostor with NODE_TLS_REJECT_UNAUTHORIZED=0`, async (t) => {
    const { port, requests } = await impostor(t);
    const error = await t.throwsAsync(connect(port, await pki.client('ada')));
    t.regex(error.message, /not trusted|self-signed|certificate/u);
    t.deepEqual(requests, []);
  });
}

test('every file that opens TLS connections says whether they are verified', async (t) => {
  const seen: string[] = [];
  const silent: string[] = [];
  for (const room of ['cli', 'manager', 'worker', 'network']) {
    const folder = join(root, room);
    for (const path of await readdir(folder, { recursive: true })) {
      if (!/\.tsx?$/u.test(path)) continue;
      const source = await readFile(join(folder, path), 'utf8');
      if (!opensTls(source)) continue;
      seen.push(path);
      if (!/rejectUnauthorized|tlsOptions\(|\.\.\.verifiedTls/u.test(source)) silent.push(path);
    }
  }
  t.deepEqual(silent, []);
  t.true(seen.includes('common/protocol/transport.ts'));
  t.true(seen.includes('inventory/engine-client.ts'));
});

function opensTls(source: string): boolean {
  return (
    /^import (?!type)[^;]*\b(?:connect|request|Agent)\b[^;]* from 'node:(?:tls|https)'/mu.test(
      source,
    ) || /\bfetch\(['"`]https/u.test(source)
  );
}
