import { createPublicKey, X509Certificate } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import tls from 'node:tls';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import forge from 'node-forge';
import { isAppError } from '../../../../manager/common/base/errors.js';
import type { KeyPair, PeerIdentity } from '../../../../manager/common/pki/pki.js';
import {
  clusterAuthoritySubject,
  createAuthority,
  createPrivateKey,
  createRequest,
  peerIdentity,
  signNode,
  signRequest,
  validityFor,
} from '../../../../manager/common/pki/pki.js';

const now = new Date();
const user = { commonName: 'shoal ada', organizationalUnit: 'authority', organization: 'ada' };

async function userAuthority(): Promise<KeyPair> {
  const key = await createPrivateKey();
  const cert = await createAuthority({
    key,
    subject: user,
    validity: validityFor(now, 3650),
    pathLength: 1,
  });
  return { cert, key };
}

async function clusterAuthority(root: KeyPair, clusterId: string): Promise<KeyPair> {
  const key = await createPrivateKey();
  const cert = await signRequest(root, {
    request: await createRequest(key, 'x'),
    subject: clusterAuthoritySubject(clusterId),
    alternativeNames: [],
    usage: 'cluster-authority',
    validity: validityFor(now, 1800),
  });
  return { cert, key };
}

async function node(authority: KeyPair, identity: PeerIdentity, days = 30): Promise<KeyPair> {
  const key = await createPrivateKey();
  const cert = await signNode(authority, {
    request: await createRequest(key, identity.nodeId),
    identity,
    alternativeNames: ['127.0.0.1', 'node-1'],
    validity:
      days > 0
        ? validityFor(now, days)
        : { notBefore: new Date(now.getTime() - 9e8), notAfter: new Date(now.getTime() - 1e8) },
  });
  return { cert, key };
}

interface Handshake {
  readonly authorized: boolean;
  readonly error: string | undefined;
  readonly peer: tls.PeerCertificate;
}

/** Runs one handshake on loopback; resolves with the client as seen by the server. */
async function handshake(
  t: ExecutionContext,
  ends: { server: KeyPair; client: KeyPair; serverCa: string; clientCa: string },
): Promise<Handshake> {
  const server = tls.createServer({
    ...ends.server,
    ca: ends.serverCa,
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const accepted = once(server, 'secureConnection') as Promise<[tls.TLSSocket]>;
  const client = tls.connect({
    ...ends.client,
    ca: ends.clientCa,
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
  });
  t.teardown(() => client.destroy());
  await once(client, 'secureConnect');
  const [socket] = await accepted;
  t.teardown(() => socket.destroy());
  const error = socket.authorizationError as Error | string | null | undefined;
  return {
    authorized: socket.authorized,
    error: error instanceof Error ? error.message : (error ?? undefined),
    peer: socket.getPeerCertificate(),
  };
}

test('a worker and a manager of one cluster accept each other through the root alone', async (t) => {
  const root = await userAuthority();
  const cluster = await clusterAuthority(root, 'c1');
  const [manager, worker] = await Promise.all([
    node(cluster, { clusterId: 'c1', role: 'manager', nodeId: 'm1' }),
    node(cluster, { clusterId: 'c1', role: 'worker', nodeId: 'w1' }),
  ]);
  const seen = await handshake(t, {
    server: manager,
    client: worker,
    serverCa: root.cert,
    clientCa: root.cert,
  });
  t.true(seen.authorized);
  t.deepEqual(peerIdentity(seen.peer), { clusterId: 'c1', role: 'worker', nodeId: 'w1' });
});

test('an expired worker certificate fails verification', async (t) => {
  const root = await userAuthority();
  const cluster = await clusterAuthority(root, 'c1');
  const manager = await node(cluster, { clusterId: 'c1', role: 'manager', nodeId: 'm1' });
  const expired = await node(cluster, { clusterId: 'c1', role: 'worker', nodeId: 'w1' }, -1);
  const seen = await handshake(t, {
    server: manager,
    client: expired,
    serverCa: root.cert,
    clientCa: root.cert,
  });
  t.false(seen.authorized);
  t.regex(seen.error ?? '', /CERT_HAS_EXPIRED/);
});

test("the engines' trust anchor rejects certificates signed by an intermediate CA", async (t) => {
  const root = await userAuthority();
  const anchor = await createAuthority({
    key: root.key,
    subject: user,
    validity: validityFor(now, 3650),
    pathLength: 0,
  });
  const cluster = await clusterAuthority(root, 'c1');
  const worker = await node(cluster, { clusterId: 'c1', role: 'worker', nodeId: 'w1' });
  const key = await createPrivateKey();
  const client = await signRequest(root, {
    request: await createRequest(key, 'ada'),
    subject: { commonName: 'ada', organizationalUnit: 'client', organization: 'ada' },
    alternativeNames: [],
    usage: 'client',
    validity: validityFor(now, 30),
  });
  const serverKey = await createPrivateKey();
  const serverCert = await signRequest(root, {
    request: await createRequest(serverKey, 'engine'),
    subject: { commonName: 'engine', organizationalUnit: 'engine', organization: 'ada' },
    alternativeNames: ['127.0.0.1'],
    usage: 'server',
    validity: validityFor(now, 30),
  });
  const server = { cert: serverCert, key: serverKey };
  const ca = { serverCa: anchor, clientCa: root.cert };
  const refused = await handshake(t, { server, client: worker, ...ca });
  t.false(refused.authorized);
  const accepted = await handshake(t, { server, client: { cert: client, key }, ...ca });
  t.true(accepted.authorized);
  t.is(peerIdentity(accepted.peer).role, 'client');
});

test('a certificate has the subject, names and usage of its order', async (t) => {
  const root = await userAuthority();
  const cluster = await clusterAuthority(root, 'c1');
  const { cert, key } = await node(cluster, { clusterId: 'c1', role: 'manager', nodeId: 'm1' });
  const leaf = new X509Certificate(cert);
  t.is(leaf.subject, 'CN=m1\nOU=manager\nO=c1');
  t.is(leaf.subjectAltName, 'IP Address:127.0.0.1, DNS:node-1');
  t.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  t.false(leaf.ca);
  t.true(leaf.checkPrivateKey((await import('node:crypto')).createPrivateKey(key)));
  const authority = new X509Certificate(
    cert.slice(cert.indexOf('-----END')).replace(/^[^\n]*\n/u, ''),
  );
  t.true(leaf.verify(authority.publicKey));
  t.true(authority.verify(createPublicKey(root.key)));
});

test("a worker's certificate is for clients only and has no names, whatever was ordered", async (t) => {
  const root = await userAuthority();
  const cluster = await clusterAuthority(root, 'c1');
  const { cert, key } = await node(cluster, { clusterId: 'c1', role: 'worker', nodeId: 'w1' });
  const leaf = new X509Certificate(cert);
  t.is(leaf.subject, 'CN=w1\nOU=worker\nO=c1');
  t.is(leaf.subjectAltName, undefined);
  t.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.2']);
  const server = tls.createServer({ cert, key, ca: root.cert });
  server.on('tlsClientError', () => undefined).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const client = tls.connect({
    ca: root.cert,
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    checkServerIdentity: () => undefined,
  });
  const [error] = (await once(client, 'error')) as [Error];
  t.regex(error.message, /unsuitable certificate purpose|unsupported certificate purpose/);
});

test('a request that is not signed by its own key is rejected', async (t) => {
  const root = await userAuthority();
  const key = await createPrivateKey();
  const request = await createRequest(key, 'w1');
  const der = Buffer.from(request.replaceAll(/-----[^-]+-----|\s/gu, ''), 'base64');
  der[der.length - 5] = (der[der.length - 5] ?? 0) ^ 0xff;
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  const error = await t.throwsAsync(
    signRequest(root, {
      request: forged,
      subject: { commonName: 'w1', organizationalUnit: 'worker', organization: 'c1' },
      alternativeNames: [],
      usage: 'peer',
      validity: validityFor(now, 1),
    }),
  );
  t.true(isAppError(error) && error.kind === 'invalid');
});

const issuers = {
  user: { OU: 'authority', O: 'ada' },
  c1: { OU: 'cluster', O: 'c1' },
  c2: { OU: 'cluster', O: 'c2' },
};

for (const [title, subject, issuer] of [
  [
    'an intermediate CA cannot issue client certificates',
    { CN: 'x', OU: 'client', O: 'ada' },
    issuers.c1,
  ],
  [
    'an intermediate CA cannot issue nodes of another cluster',
    { CN: 'x', OU: 'worker', O: 'c1' },
    issuers.c2,
  ],
  ['the root CA does not sign workers', { CN: 'x', OU: 'worker', O: 'c1' }, issuers.user],
  ['an engine certificate is not a peer', { CN: 'x', OU: 'engine', O: 'ada' }, issuers.user],
  ['a certificate without a common name is not a peer', { OU: 'worker', O: 'c1' }, issuers.c1],
  ['two common names are not an identity', { CN: ['a', 'b'], OU: 'worker', O: 'c1' }, issuers.c1],
] as const) {
  test(title, (t) => {
    const error = t.throws(() => peerIdentity({ subject, issuer }));
    t.true(isAppError(error) && error.kind === 'forbidden');
  });
}

/** Extensions of the first certificate of a text, by name. */
function extensionsOf(cert: string): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  const { extensions } = forge.pki.certificateFromPem(cert) as unknown as {
    readonly extensions: readonly { readonly name: string }[];
  };
  return Object.fromEntries(extensions.map((each) => [each.name, { ...each }]));
}

test('the root CA signs itself and allows as many levels below it as it was made for', async (t) => {
  const { key } = await userAuthority();
  for (const pathLength of [0, 1]) {
    const cert = await createAuthority({
      key,
      subject: user,
      validity: validityFor(now, 3650),
      pathLength,
    });
    const read = new X509Certificate(cert);
    t.true(read.verify(createPublicKey(key)));
    t.is(read.issuer, read.subject);
    t.false(cert.includes('\r'));
    const { basicConstraints, keyUsage, subjectKeyIdentifier } = extensionsOf(cert);
    t.like(basicConstraints, { cA: true, pathLenConstraint: pathLength, critical: true });
    t.like(keyUsage, {
      keyCertSign: true,
      cRLSign: true,
      digitalSignature: false,
      keyEncipherment: false,
      critical: true,
    });
    t.truthy(subjectKeyIdentifier);
  }
});

test('an intermediate CA signs certificates but no further CA', async (t) => {
  const { cert } = await clusterAuthority(await userAuthority(), 'c1');
  const { basicConstraints, keyUsage, extKeyUsage } = extensionsOf(cert);
  t.like(basicConstraints, { cA: true, pathLenConstraint: 0, critical: true });
  t.like(keyUsage, { keyCertSign: true, cRLSign: true, critical: true });
  t.is(extKeyUsage, undefined);
});

test('a certificate has exactly the use that was ordered, and names its CA and its key', async (t) => {
  const root = await userAuthority();
  const request = await createRequest(await createPrivateKey(), 'x');
  for (const [usage, serverAuth, clientAuth] of [
    ['server', true, false],
    ['client', false, true],
    ['peer', true, true],
  ] as const) {
    const subject = { commonName: 'x', organizationalUnit: 'client', organization: 'ada' };
    const validity = validityFor(now, 1);
    const order = { request, subject, alternativeNames: [], usage, validity };
    const found = extensionsOf(await signRequest(root, order));
    t.like(found.basicConstraints, { cA: false, critical: true });
    t.like(found.keyUsage, {
      digitalSignature: true,
      keyEncipherment: true,
      keyCertSign: false,
      cRLSign: false,
      critical: true,
    });
    const uses = found.extKeyUsage;
    t.deepEqual([uses?.serverAuth === true, uses?.clientAuth === true], [serverAuth, clientAuth]);
    t.is(found.subjectAltName, undefined);
    t.truthy(found.subjectKeyIdentifier);
    t.truthy(found.authorityKeyIdentifier);
  }
});

test('serial numbers are random, positive and always have sixteen bytes', async (t) => {
  const root = await userAuthority();
  const request = await createRequest(await createPrivateKey(), 'x');
  const subject = { commonName: 'x', organizationalUnit: 'client', organization: 'ada' };
  const validity = validityFor(now, 1);
  const serials = new Set<string>();
  for (let count = 0; count < 8; count += 1) {
    const order = { request, subject, alternativeNames: [], usage: 'client', validity } as const;
    serials.add(new X509Certificate(await signRequest(root, order)).serialNumber);
  }
  t.is(serials.size, 8);
  for (const serial of serials) t.regex(serial, /^[4-7][0-9A-F]{31}$/);
});

test('a validity starts an hour early and ends after whole days', (t) => {
  t.deepEqual(validityFor(new Date(7_200_000), 2), {
    notBefore: new Date(3_600_000),
    notAfter: new Date(7_200_000 + 2 * 86_400_000),
  });
});

test('a certificate without its subject, issuer or organization is not a peer', (t) => {
  const subject = { CN: 'x', OU: 'worker', O: 'c1' };
  const wrong = [
    {},
    { subject },
    { subject, issuer: {} },
    { subject: { CN: 'x', OU: 'worker' }, issuer: issuers.c1 },
    { subject: { ...subject, CN: '' }, issuer: issuers.c1 },
    { subject, issuer: { OU: 'authority', O: 'c1' } },
    { subject: { CN: 'x', OU: 'client', O: 'c1' }, issuer: issuers.c1 },
  ];
  for (const certificate of wrong) {
    const error = t.throws(() => peerIdentity(certificate));
    t.true(isAppError(error) && error.kind === 'forbidden');
  }
  for (const OU of ['worker', 'manager'] as const)
    t.is(peerIdentity({ subject: { ...subject, OU }, issuer: issuers.c1 }).role, OU);
  const client = { CN: 'x', OU: 'client', O: 'anyone' };
  t.is(peerIdentity({ subject: client, issuer: issuers.user }).role, 'client');
});
