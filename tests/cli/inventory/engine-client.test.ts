import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { TcpEndpoint } from '../../../cli/inventory/engine-client.js';
import { checkManagerTls } from '../../../cli/inventory/engine-client.js';
import type { KeyPair } from '../../../manager/common/pki/pki.js';
import {
  createPrivateKey,
  createRequest,
  nodeSubject,
  signRequest,
  validityFor,
} from '../../../manager/common/pki/pki.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { createTestPki } from '../../helpers/pki/pki.js';

let pki: TestPki;

test.before(async () => {
  pki = await createTestPki('c1');
});

async function serve(t: ExecutionContext, pair: KeyPair): Promise<TcpEndpoint> {
  const server = createServer({ cert: pair.cert, key: pair.key, ca: pki.ca, requestCert: true });
  server.on('tlsClientError', () => undefined);
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

/** A worker's certificate as earlier versions issued it: for servers too, with the names it asked. */
async function formerWorker(): Promise<KeyPair> {
  const key = await createPrivateKey();
  const leaf = await signRequest(pki.authority, {
    request: await createRequest(key, 'w1'),
    subject: nodeSubject({ clusterId: 'c1', role: 'worker', nodeId: 'w1' }),
    usage: 'peer',
    alternativeNames: ['127.0.0.1'],
    validity: validityFor(new Date(), 5),
  });
  return { cert: leaf + pki.authority.cert, key };
}

test('a manager is accepted', async (t) => {
  const endpoint = await serve(t, await pki.node('manager', 'm1'));
  await t.notThrowsAsync(checkManagerTls(endpoint, await pki.client('ada'), 5_000));
});

test("a worker's certificate is not a manager's, also with the manager's address in it", async (t) => {
  const endpoint = await serve(t, await formerWorker());
  await t.throwsAsync(checkManagerTls(endpoint, await pki.client('ada'), 5_000), {
    message: /issued to a worker .*not a manager/,
  });
});

test("a manager's certificate for another address is refused, as docker refuses it", async (t) => {
  const endpoint = await serve(t, await pki.node('manager', 'm1'));
  const other = { ...endpoint, host: 'localhost' };
  await t.throwsAsync(checkManagerTls(other, await pki.client('ada'), 5_000), {
    message: /does not match certificate's altnames/,
  });
});
