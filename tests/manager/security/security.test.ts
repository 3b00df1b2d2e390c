import forge from 'node-forge';
import test from 'ava';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ExecutionContext } from 'ava';
import type { AppError } from '../../../manager/common/base/errors.js';
import { isAppError } from '../../../manager/common/base/errors.js';
import { fingerprintOf, parseToken } from '../../../manager/common/pki/join-token.js';
import type { CertificateKeyPaths } from '../../../manager/common/pki/pki-files.js';
import { readKeyPair, replaceFile } from '../../../manager/common/pki/pki-files.js';
import { authorityId, certificatesOf } from '../../../manager/common/pki/pki-peer.js';
import {
  clusterAuthoritySubject,
  createPrivateKey,
  peerIdentity,
  signRequest,
  validityFor,
} from '../../../manager/common/pki/pki.js';
import { apiPaths } from '../../../manager/common/protocol/messages.js';
import { ManagerHttpClient } from '../../../manager/common/protocol/transport-call.js';
import type { StoreBackend } from '../../../manager/store/backend.js';
import { MemoryBackend } from '../../helpers/stores/memory-backend.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { isManagerOf } from '../../helpers/pki/pki.js';
import { temporaryFolder, writeManager } from '../../helpers/pki/pki-folder.js';
import { realWorker } from '../../helpers/managers/real-worker.js';
import { createManagerPki, TestManager } from '../../helpers/managers/test-manager.js';
import { anonymousGet, openSession, sendJoin } from '../../helpers/pki/uncertified-requests.js';
import { until } from '../../helpers/until.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

interface Stage {
  readonly manager: TestManager;
  readonly intermediate: CertificateKeyPaths;
  /** Restarts the manager on the same store and files. */
  restart(): Promise<TestManager>;
}

async function stage(
  t: ExecutionContext,
  backend: StoreBackend = new MemoryBackend(),
): Promise<Stage> {
  const pkiPaths = await writeManager(await temporaryFolder(t), pki, 600_000);
  const start = (): Promise<TestManager> => TestManager.start(t, { pki, backend, pkiPaths });
  return { manager: await start(), intermediate: pkiPaths.intermediate, restart: start };
}

/** Signs a request for an intermediate CA with the root CA. */
function nextAuthority(request: string): Promise<string> {
  return signRequest(pki.root, {
    request,
    subject: clusterAuthoritySubject('c1'),
    alternativeNames: [],
    usage: 'cluster-authority',
    validity: validityFor(new Date(), 10),
  });
}

async function refusal(t: ExecutionContext, work: Promise<unknown>): Promise<AppError> {
  const error: unknown = await t.throwsAsync(work);
  if (!isAppError(error)) throw error;
  return error;
}

test.serial(
  'a join token admits machines with IDs chosen by the manager until its uses are spent',
  async (t) => {
    const { manager } = await stage(t);
    const { text } = await manager.call('token.create', {
      ttlMs: 60_000,
      uses: 1,
      label: 'rack 7',
    });
    t.is(parseToken(text).fingerprint, fingerprintOf(pki.ca));
    const { answer, key } = await sendJoin(t, { ca: pki.ca, port: manager.port }, text);
    const [leaf] = certificatesOf(answer.chain);
    t.true(leaf?.subject.includes(`CN=${answer.nodeId}\nOU=worker\nO=c1`));
    t.is(leaf?.subjectAltName, undefined);
    t.deepEqual(leaf?.keyUsage, ['1.3.6.1.5.5.7.3.2']);
    const worker = await manager.join(answer.nodeId, {
      name: 'fresh',
      tls: { ca: pki.ca, cert: answer.chain, key },
    });
    await until('the node', 20_000, async () => (await manager.call('node.list', {})).length === 1);
    const again = await refusal(
      t,
      sendJoin(t, { ca: pki.ca, port: manager.port }, text, { name: 'second' }),
    );
    t.is(again.kind, 'forbidden');
    t.regex(again.message, /no uses left/);
    const [listed] = await manager.call('token.list', {});
    t.like(listed, { label: 'rack 7', used: 1, usesLeft: 0 });
    t.false(JSON.stringify(listed).includes('hash'));
    // After removal the node is disconnected at once and its certificate is rejected.
    await manager.call('node.remove', { node: 'fresh', force: true });
    t.is((await worker.ended).code, 4410);
    const removed = await refusal(
      t,
      openSession(manager.port, { ca: pki.ca, cert: answer.chain, key }),
    );
    t.regex(removed.message, /was removed from cluster test/);
  },
);

test.serial(
  'a wrong secret and a removed, rotated or unknown token are rejected, and attempts are limited',
  async (t) => {
    const { manager } = await stage(t);
    const { text, token } = await manager.call('token.create', { ttlMs: 60_000 });
    const wrong = await refusal(
      t,
      sendJoin(t, { ca: pki.ca, port: manager.port }, text, { secret: 'x'.repeat(43) }),
    );
    t.is(wrong.kind, 'forbidden');
    t.false(wrong.message.includes(parseToken(text).secret));
    const rotated = await manager.call('token.rotate', { id: token.id });
    t.regex(
      (await refusal(t, sendJoin(t, { ca: pki.ca, port: manager.port }, text))).message,
      /unknown/,
    );
    await t.notThrowsAsync(sendJoin(t, { ca: pki.ca, port: manager.port }, rotated.text));
    t.regex(
      (
        await refusal(
          t,
          sendJoin(t, { ca: pki.ca, port: manager.port }, rotated.text, { request: 'no request' }),
        )
      ).message,
      /certificate request .*: malformed|taken by node|name fresh/,
    );
    await manager.call('token.remove', { id: token.id });
    const messages: string[] = [];
    for (let count = 0; count < 12; count += 1) {
      messages.push(
        (await refusal(t, sendJoin(t, { ca: pki.ca, port: manager.port }, rotated.text))).message,
      );
    }
    t.regex(messages[0] ?? '', /join token: unknown/);
    t.regex(messages.at(-1) ?? '', /join: too many failed attempts; retry in a minute/);
    t.false(manager.log.some((line) => line.includes(parseToken(text).secret)));
  },
);

test.serial(
  'without a certificate only the CA, health and small join requests are served',
  async (t) => {
    const { manager } = await stage(t);
    const authority = await anonymousGet(manager.port, apiPaths.authority);
    t.true(authority.includes('BEGIN CERTIFICATE'));
    t.false(authority.includes('PRIVATE KEY'));
    for (const path of [
      `${apiPaths.call}info`,
      apiPaths.metrics,
      '/',
      `${apiPaths.call}token.list`,
    ]) {
      t.regex(await anonymousGet(manager.port, path), /403[^]*no client certificate was presented/);
    }
    const { text } = await manager.call('token.create', { ttlMs: 60_000 });
    const long = await refusal(
      t,
      sendJoin(t, { ca: pki.ca, port: manager.port }, text, { name: 'x'.repeat(100_000) }),
    );
    t.regex(long.message, /request body is larger than 64 KiB/);
    const odd = await refusal(
      t,
      sendJoin(t, { ca: pki.ca, port: manager.port }, text, { name: '../../etc' }),
    );
    t.regex(odd.message, /node name .* invalid/);
  },
);

test.serial('a worker is not allowed to use the control API', async (t) => {
  const { manager } = await stage(t);
  const caller = new ManagerHttpClient({
    address: `127.0.0.1:${manager.port}`,
    tls: await pki.node('worker', 'w2'),
    verifyPeer: isManagerOf('c1'),
  });
  t.teardown(() => {
    caller.close();
  });
  for (const name of ['info', 'token.create', 'ca.request', 'secret.list']) {
    const path = apiPaths.call + name;
    const error = await refusal(t, caller.call({ path, body: {}, timeoutMs: 25_000 }));
    t.is(error.kind, 'forbidden');
  }
});

test.serial(
  'a revoked client is rejected, and a client cannot revoke its own certificate',
  async (t) => {
    const { manager } = await stage(t);
    const eve = await pki.client('eve');
    const caller = new ManagerHttpClient({
      address: `127.0.0.1:${manager.port}`,
      tls: eve,
      verifyPeer: isManagerOf('c1'),
    });
    t.teardown(() => {
      caller.close();
    });
    const info = { path: `${apiPaths.call}info`, body: {}, timeoutMs: 25_000 };
    await t.notThrowsAsync(caller.call(info));
    const serial = new X509Certificate(eve.cert).serialNumber;
    await manager.call('ca.revoke', { serial });
    // The revocation also cuts the connection that the client keeps open; the next one is refused.
    const cut = await refusal(t, caller.call(info));
    const refused = cut.kind === 'unavailable' ? await refusal(t, caller.call(info)) : cut;
    t.regex(refused.message, /of client eve: was revoked in cluster test/);
    const own = new X509Certificate((await pki.client('ada')).cert).serialNumber;
    t.is((await refusal(t, manager.call('ca.revoke', { serial: own }))).kind, 'conflict');
  },
);

test.serial(
  'a CA rotation keeps a running worker connected, then all members refuse the old CA',
  async (t) => {
    const { manager, intermediate } = await stage(t);
    const worker = await realWorker(t, pki, manager.port);
    const old = await readKeyPair(worker.paths);
    const oldManager = await pki.node('manager', 'm1');
    await until('the node', 20_000, async () => (await manager.call('node.list', {})).length === 1);
    const { request } = await manager.call('ca.request', {});
    t.is((await refusal(t, manager.call('ca.install', { certificate: pki.ca }))).kind, 'invalid');
    await manager.call('ca.install', { certificate: await nextAuthority(request) });
    t.is((await refusal(t, manager.call('ca.request', {}))).kind, 'conflict');
    await until('all members', 60_000, async () => {
      const { members } = await manager.call('ca.status', {});
      return members.length === 2 && members.every(({ certificate }) => certificate === 'current');
    });
    const { refused } = await manager.call('ca.finish', { force: false });
    const after = await manager.call('ca.status', {});
    t.is(after.rotation, undefined);
    t.deepEqual(after.refusedAuthorities, [refused]);
    const [, issuer] = certificatesOf(await readFile(worker.paths.cert, 'utf8'));
    t.is(issuer === undefined ? '' : authorityId(issuer), after.authority.id);
    t.is((await readKeyPair(intermediate)).cert, issuer === undefined ? '' : issuer.toString());
    const error = await refusal(t, openSession(manager.port, { ca: pki.ca, ...old }));
    t.regex(error.message, /worker w1: signed by a CA that was replaced; provision/);
    t.deepEqual(
      (await manager.call('node.list', {})).map(({ status }) => status.state),
      ['ready'],
    );
    // The worker also rejects a manager with a certificate of the old CA.
    const impostor = await TestManager.start(t, { pki });
    t.deepEqual(peerIdentity(subjectsOf(oldManager.cert)), {
      clusterId: 'c1',
      role: 'manager',
      nodeId: 'm1',
    });
    const signal = AbortSignal.timeout(10_000);
    const address = `127.0.0.1:${impostor.port}`;
    await until('the list', 20_000, async () => {
      try {
        (await worker.credentials.dial(address, apiPaths.session, 'worker', signal)).close();
        return false;
      } catch (caught) {
        return (caught as Error).message.includes('manager m1: signed by a CA that was');
      }
    });
  },
);

function subjectsOf(cert: string): Parameters<typeof peerIdentity>[0] {
  const read = (text: string): Record<string, string> =>
    Object.fromEntries(text.split('\n').map((line) => line.split('=') as [string, string]));
  const { subject, issuer } = new X509Certificate(cert);
  return { subject: read(subject), issuer: read(issuer) };
}

test.serial(
  'a rotation interrupted before the new CA signs resumes at the next start',
  async (t) => {
    const backend = new MemoryBackend();
    const staged = await stage(t, backend);
    const { manager, intermediate } = staged;
    const { request } = await manager.call('ca.request', {});
    const certificate = await nextAuthority(request);
    const [next] = certificatesOf(certificate);
    const { authority } = await manager.call('ca.status', {});
    await manager.stop();
    // The state after a crash right after the decision.
    await replaceFile(`${intermediate.cert}.next`, certificate, 0o644);
    const [record] = (await backend.load()).filter(({ table }) => table === 'cluster');
    const to = next === undefined ? '' : authorityId(next);
    const rotation = { from: authority.id, to, startedAt: 1 };
    await backend.commit([
      { table: 'cluster', id: 'cluster', value: { ...record?.value, rotation } },
    ]);
    const again = await staged.restart();
    await until('the manager itself', 60_000, async () => {
      const status = await again.call('ca.status', {});
      return (
        status.authority.id === to && status.members.every((one) => one.certificate === 'current')
      );
    });
    await t.notThrowsAsync(again.call('ca.finish', { force: false }));
  },
);

test.serial('finishing a rotation waits for disconnected nodes unless forced', async (t) => {
  const { manager } = await stage(t);
  const worker = await manager.join('w3', { name: 'slow' });
  await until('the node', 20_000, async () => (await manager.call('node.list', {})).length === 1);
  worker.leave();
  const { request } = await manager.call('ca.request', {});
  await manager.call('ca.install', { certificate: await nextAuthority(request) });
  const late = await refusal(t, manager.call('ca.finish', { force: false }));
  t.is(late.kind, 'conflict');
  t.regex(late.message, /slow \((away|old)\)/);
  await t.notThrowsAsync(manager.call('ca.finish', { force: true }));
  const error = await refusal(t, openSession(manager.port, await pki.node('worker', 'w3')));
  t.regex(error.message, /CA that was replaced/);
});

test.serial('a refused CA is detected even if the chain presents another CA', async (t) => {
  const { manager } = await stage(t);
  const { request } = await manager.call('ca.request', {});
  const next = await nextAuthority(request);
  await manager.call('ca.install', { certificate: next });
  await manager.call('ca.finish', { force: true });
  // A stolen old key: the certificate omits the issuer's key ID, so both CAs match by name.
  const key = await createPrivateKey();
  const leaf = forgeLeaf(key);
  for (const chain of [leaf + next + pki.authority.cert, leaf + pki.authority.cert + next]) {
    const error = await refusal(t, openSession(manager.port, { ca: pki.ca, cert: chain, key }));
    t.is(error.kind, 'forbidden');
  }
});

/** A worker's certificate signed by the old CA, without the authority key identifier. */
function forgeLeaf(key: string): string {
  const privateKey = forge.pki.privateKeyFromPem(key);
  const issuer = forge.pki.certificateFromPem(pki.authority.cert);
  const cert = forge.pki.createCertificate();
  cert.publicKey = forge.pki.setRsaPublicKey(privateKey.n, privateKey.e);
  cert.serialNumber = '4242';
  cert.validity.notBefore = new Date(Date.now() - 3_600_000);
  cert.validity.notAfter = new Date(Date.now() + 3_600_000);
  cert.setSubject([
    { name: 'commonName', value: 'w9' },
    { name: 'organizationalUnitName', value: 'worker' },
    { name: 'organizationName', value: 'c1' },
  ]);
  cert.setIssuer(issuer.subject.attributes);
  cert.setExtensions([
    { name: 'basicConstraints', cA: false },
    { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
  ]);
  cert.sign(forge.pki.privateKeyFromPem(pki.authority.key), forge.md.sha256.create());
  return forge.pki.certificateToPem(cert);
}
