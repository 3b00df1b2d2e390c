import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { DetailedPeerCertificate } from 'node:tls';
import { connect } from 'node:tls';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { authorityId } from '../../../manager/common/pki/pki-peer.js';
import type { PeerCertificateFields } from '../../../manager/common/protocol/transport-tls.js';
import { authorizePeer } from '../../../manager/security/credentials.js';
import type { ClusterRecord } from '../../../manager/store/store.js';
import { MemoryBackend } from '../../helpers/stores/memory-backend.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { temporaryFolder, writeManager } from '../../helpers/pki/pki-folder.js';
import { realWorker } from '../../helpers/managers/real-worker.js';
import { createManagerPki, TestManager } from '../../helpers/managers/test-manager.js';
import { until } from '../../helpers/until.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

/** Starts a manager that issues certificates with this lifetime. */
async function managerWith(
  t: ExecutionContext,
  options: { readonly lifetimeMs: number },
): Promise<{ readonly manager: TestManager; readonly firstSerial: string }> {
  const backend = new MemoryBackend();
  const { lifetimeMs: certificateLifetimeMs } = options;
  const meta = { version: 1, createdAt: 1, updatedAt: 1 };
  const value = {
    id: 'cluster',
    clusterId: 'c1',
    name: 'test',
    revoked: [],
    certificateLifetimeMs,
    ...meta,
  };
  await backend.commit([{ table: 'cluster', id: 'cluster', value }]);
  const pkiPaths = await writeManager(await temporaryFolder(t), pki, 60_000);
  const firstSerial = new X509Certificate(await readFile(pkiPaths.cert)).serialNumber;
  return { manager: await TestManager.start(t, { pki, backend, pkiPaths }), firstSerial };
}

/** Serial number of the certificate that a server presents. */
async function shownSerial(port: number): Promise<string> {
  const { ca, cert, key } = await pki.client('ada');
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: '127.0.0.1', port, ca, cert, key, checkServerIdentity: () => undefined },
      () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      },
    );
    socket.once('error', reject);
  });
}

test('a worker renews its certificate repeatedly through its session without a disconnect', async (t) => {
  const { manager } = await managerWith(t, { lifetimeMs: 15_000 });
  const worker = await realWorker(t, pki, manager.port);
  const serials = new Set<string>();
  await until('two renewals', 30_000, async () => serials.add(await worker.serial()).size >= 3);
  t.is(worker.sessions(), 1);
  const leaf = new X509Certificate(await readFile(worker.paths.cert, 'utf8'));
  t.regex(leaf.subject, /CN=w1\nOU=worker\nO=c1/);
  // The first certificate had names and was valid for servers.
  t.is(leaf.subjectAltName, undefined);
  t.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.2']);
  const nodes = await manager.call('node.list', {});
  t.deepEqual(
    nodes.map(({ status }) => status.state),
    ['ready'],
  );
});

test('a manager renews its own certificate and presents it on new connections', async (t) => {
  const { manager, firstSerial } = await managerWith(t, { lifetimeMs: 86_400_000 });
  await until('a new one', 30_000, async () => (await shownSerial(manager.port)) !== firstSerial);
  t.deepEqual(await manager.call('node.list', {}), []);
});

for (const [title, behalf, accepted] of [
  ['a client', '{"clusterId":"ada","nodeId":"laptop","role":"client","serial":"0a"}', true],
  ['no JSON', '{', false],
  ['null', 'null', false],
  ['a worker', '{"clusterId":"c1","nodeId":"w1","role":"worker"}', false],
  [
    'a serial that is not text',
    '{"clusterId":"ada","nodeId":"a","role":"client","serial":1}',
    false,
  ],
] as const) {
  test(`a manager forwards on behalf of ${title}`, async (t) => {
    const { cert } = await pki.node('manager', 'm1');
    const issuer = new X509Certificate(pki.authority.cert).toLegacyObject();
    const issuerCertificate = issuer as DetailedPeerCertificate;
    const certificate = { ...new X509Certificate(cert).toLegacyObject(), issuerCertificate };
    const settings = { clusterId: 'c1', clusterName: 'test' };
    const authorize = () => authorizePeer({ certificate, behalf }, settings, undefined);
    if (accepted) t.like(authorize(), { nodeId: 'laptop', serial: '0a', via: 'm1' });
    else {
      const message = 'manager m1: forwarded a request without a valid client';
      t.is(t.throws(authorize).message, message);
    }
  });
}

const settings = { clusterId: 'c1', clusterName: 'test' };
const record: ClusterRecord = {
  id: 'cluster',
  clusterId: 'c1',
  name: 'test',
  createdAt: 0,
  updatedAt: 0,
  version: 1,
  revoked: [],
};

async function shown(role: 'manager' | 'worker' | 'client'): Promise<PeerCertificateFields> {
  const { cert } = role === 'client' ? await pki.client('eve') : await pki.node(role, 'n1');
  const issuerCertificate = new X509Certificate(pki.authority.cert).toLegacyObject();
  return { ...new X509Certificate(cert).toLegacyObject(), issuerCertificate } as never;
}

const behalfOf = (serial: string): string =>
  JSON.stringify({ clusterId: 'ada', nodeId: 'laptop', role: 'client', serial });

test('a node of this cluster that is not removed is admitted, with or without a record', async (t) => {
  for (const role of ['manager', 'worker'] as const) {
    const certificate = await shown(role);
    for (const known of [undefined, record, { ...record, revoked: ['n2'] }])
      t.like(authorizePeer({ certificate }, settings, known), { role, nodeId: 'n1' });
  }
});

test('removed nodes, other clusters, refused CAs and revoked clients are rejected', async (t) => {
  const [worker, client] = [await shown('worker'), await shown('client')];
  const authority = authorityId(new X509Certificate(pki.authority.cert));
  const serial = client.serialNumber?.toLowerCase() ?? '';
  const wrong = [
    [worker, { ...record, revoked: ['n0', 'n1'] }, settings, /node n1: was removed/],
    [worker, record, { ...settings, clusterId: 'c2' }, /belongs to cluster c1, not to test \(c2\)/],
    [worker, { ...record, refusedAuthorities: [authority] }, settings, /CA that was replaced/],
    [client, { ...record, refusedClients: ['0', serial] }, settings, /eve: was revoked/],
  ] as const;
  for (const [certificate, known, cluster, message] of wrong)
    t.throws(() => authorizePeer({ certificate }, cluster, known), { message });
});

test('a client is admitted unless its own serial number is revoked, from any cluster', async (t) => {
  const certificate = await shown('client');
  const other = { ...settings, clusterId: 'c2' };
  for (const known of [undefined, record, { ...record, refusedClients: ['0'], revoked: ['eve'] }])
    t.like(authorizePeer({ certificate }, other, known), { role: 'client', nodeId: 'eve' });
});

test('only a manager acts for a client, and not for a revoked one', async (t) => {
  const behalf = behalfOf('0a');
  const known = { ...record, refusedClients: ['0b'] };
  const manager = await shown('manager');
  t.deepEqual(authorizePeer({ certificate: manager, behalf }, settings, known), {
    clusterId: 'ada',
    nodeId: 'laptop',
    role: 'client',
    serial: '0a',
    via: 'n1',
  });
  t.throws(() => authorizePeer({ certificate: manager, behalf: behalfOf('0b') }, settings, known), {
    message: /certificate 0b of client laptop: was revoked/,
  });
  t.is(
    authorizePeer({ certificate: await shown('worker'), behalf }, settings, known).role,
    'worker',
  );
  t.is(
    authorizePeer({ certificate: await shown('client'), behalf }, settings, known).nodeId,
    'eve',
  );
  t.throws(
    () => authorizePeer({ certificate: manager, behalf }, settings, { ...record, revoked: ['n1'] }),
    { message: /node n1: was removed/ },
  );
});
