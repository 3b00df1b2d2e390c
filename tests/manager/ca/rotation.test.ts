import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { ClusterAuthority } from '../../../manager/ca/authority.js';
import { AuthorityRotation } from '../../../manager/ca/rotation.js';
import type { ErrorKind } from '../../../manager/common/base/errors.js';
import { isAppError } from '../../../manager/common/base/errors.js';
import { readKeyPair, replaceFile, replaceKeyPair } from '../../../manager/common/pki/pki-files.js';
import type { CertificateSubject, KeyPair } from '../../../manager/common/pki/pki.js';
import {
  clusterAuthoritySubject,
  createPrivateKey,
  signRequest,
} from '../../../manager/common/pki/pki.js';
import type { ClusterRecord, ClusterStore } from '../../../manager/store/store.js';
import type { Peer } from '../../../manager/transport/peer.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import { temporaryFolder } from '../../helpers/pki/pki-folder.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { createTestPki } from '../../helpers/pki/pki.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';
import { until } from '../../helpers/until.js';
import { settle } from '../../simulation/virtual-clock.js';

let pki: TestPki;
let foreign: TestPki;

test.before(async () => {
  [pki, foreign] = await Promise.all([createTestPki('c1'), createTestPki('c1')]);
});

interface Stage {
  readonly clock: ManualClock;
  readonly store: ClusterStore;
  readonly rotation: AuthorityRotation;
  readonly paths: { readonly cert: string; readonly key: string };
  readonly peers: Map<string, Peer>;
  readonly asked: string[];
  /** The signing CA, the CA of the manager's own certificate and its renewals. */
  readonly manager: { authority: ClusterAuthority; signer: string; renewals: number };
  readonly record: () => ClusterRecord;
  readonly change: (change: Partial<ClusterRecord>) => Promise<void>;
}

async function stage(t: ExecutionContext): Promise<Stage> {
  const folder = await temporaryFolder(t);
  const paths = { cert: join(folder, 'ca.pem'), key: join(folder, 'ca-key.pem') };
  await replaceKeyPair(paths, pki.authority);
  const clock = new ManualClock();
  clock.advance(Date.now());
  const store = await openTestStore(clock);
  const record = (): ClusterRecord => {
    const found = store.view.get('cluster', 'cluster');
    if (found === undefined) throw new Error('no cluster record');
    return found;
  };
  const meta = { createdAt: 0, updatedAt: 0, version: 1 };
  await store.update('control', (tx) => {
    tx.create('cluster', { ...meta, id: 'cluster', clusterId: 'c1', name: 'c', revoked: [] });
  });
  const authority = new ClusterAuthority(pki.authority);
  const manager = { authority, signer: authority.id, renewals: 0 };
  const peers = new Map<string, Peer>();
  const asked: string[] = [];
  const rotation = new AuthorityRotation({
    store,
    clock,
    log: silentLogger,
    workers: { peers: () => peers, requestRenewals: (id) => asked.push(id) },
    paths,
    ca: pki.ca,
    manager: {
      name: 'm1:4400',
      authority: () => manager.authority,
      useAuthority: (next) => (manager.authority = next),
      signer: () => manager.signer,
      renewNow: () => {
        manager.renewals += 1;
      },
    },
  });
  const change = async (changed: Partial<ClusterRecord>): Promise<void> => {
    await store.update('control', (tx) => {
      tx.put('cluster', { ...record(), ...changed });
    });
  };
  return { clock, store, rotation, paths, peers, asked, manager, record, change };
}

interface Signing {
  readonly root?: KeyPair;
  readonly subject?: CertificateSubject;
  readonly usage?: 'cluster-authority' | 'peer';
  readonly from?: number;
  readonly to?: number;
}

function sign(request: string, order: Signing = {}): Promise<string> {
  const { root = pki.root, subject = clusterAuthoritySubject('c1') } = order;
  const now = Date.now();
  return signRequest(root, {
    request,
    subject,
    alternativeNames: [],
    usage: order.usage ?? 'cluster-authority',
    validity: {
      notBefore: new Date(order.from ?? now - 3_600_000),
      notAfter: new Date(order.to ?? now + 86_400_000),
    },
  });
}

async function refused(
  t: ExecutionContext,
  work: Promise<unknown>,
  kind: ErrorKind,
  message: RegExp,
): Promise<void> {
  const error: unknown = await t.throwsAsync(work);
  t.true(isAppError(error) && error.kind === kind, String(error));
  t.regex((error as Error).message, message);
}

async function addNode({ store }: Stage, id: string): Promise<void> {
  await store.update('control', (tx) => {
    const meta = { createdAt: 0, updatedAt: 0, version: 1 };
    tx.create('nodes', { ...meta, id, spec: { name: `name-${id}` }, status: {} } as never);
  });
}

const workerOf = (nodeId: string, authority: string): Peer => ({
  clusterId: 'c1',
  role: 'worker',
  nodeId,
  authority,
});

test('the status before a rotation has defaults, and all connected members are current', async (t) => {
  const staged = await stage(t);
  const { rotation, manager, peers } = staged;
  await addNode(staged, 'n1');
  await addNode(staged, 'n2');
  peers.set('n1', workerOf('n1', manager.authority.id));
  t.deepEqual(rotation.status(), {
    authority: { id: manager.authority.id, notAfterMs: manager.authority.notAfterMs },
    certificateLifetimeMs: 90 * 86_400_000,
    refusedAuthorities: [],
    refusedClients: [],
    retiring: [],
    members: [
      { name: 'm1:4400', role: 'manager', certificate: 'current' },
      { name: 'name-n1', role: 'worker', certificate: 'current' },
      { name: 'name-n2', role: 'worker', certificate: 'away' },
    ],
  });
});

test('the status has the values of the record', async (t) => {
  const { rotation, change } = await stage(t);
  const recorded = {
    certificateLifetimeMs: 5,
    refusedAuthorities: ['r'],
    refusedClients: ['s'],
    retiring: [{ authority: 'a', nodeId: 'm2' }],
    rotation: { from: 'x', to: 'y', startedAt: 1 },
  };
  await change(recorded);
  t.like(rotation.status(), recorded);
});

test('the key of the next CA stays the same until it is installed', async (t) => {
  const { rotation, paths } = await stage(t);
  await rotation.request();
  const key = await readFile(`${paths.key}.next`, 'utf8');
  await rotation.request();
  t.is(await readFile(`${paths.key}.next`, 'utf8'), key);
  t.is((await stat(`${paths.key}.next`)).mode & 0o777, 0o600);
});

test('a next key that is already in use is replaced', async (t) => {
  const { rotation, paths } = await stage(t);
  await replaceFile(`${paths.key}.next`, pki.authority.key, 0o600);
  await rotation.request();
  t.not(await readFile(`${paths.key}.next`, 'utf8'), pki.authority.key);
});

test('an installed CA signs at once, and the manager renews its certificate', async (t) => {
  const staged = await stage(t);
  const { rotation, paths, manager, peers, record, clock } = staged;
  const old = manager.authority.id;
  await addNode(staged, 'n1');
  peers.set('n1', workerOf('n1', old));
  const certificate = await sign(await rotation.request());
  await rotation.install(certificate);
  t.not(manager.authority.id, old);
  t.is(manager.renewals, 1);
  t.deepEqual(record().rotation, {
    from: old,
    to: manager.authority.id,
    startedAt: clock.now(),
  });
  t.is((await readKeyPair(paths)).cert, certificate);
  t.deepEqual((await readdir(join(paths.cert, '..'))).sort(), ['ca-key.pem', 'ca.pem']);
  const members = rotation.status().members.map(({ certificate: state }) => state);
  t.deepEqual(members, ['old', 'old']);
});

test('only the certificate of the requested key, from the root CA and valid now, is installed', async (t) => {
  const { rotation, manager, record } = await stage(t);
  const { id } = manager.authority;
  await refused(t, rotation.install(pki.ca), 'invalid', /does not match the requested key/);
  const request = await rotation.request();
  await refused(t, rotation.install(pki.ca), 'invalid', /does not match the requested key/);
  const now = Date.now();
  const other = { commonName: 'shoal c2', organizationalUnit: 'cluster', organization: 'c2' };
  const wrong: readonly (readonly [Signing, RegExp])[] = [
    [{ usage: 'peer' }, /is not a CA certificate/],
    [{ subject: other }, /has a different subject/],
    [{ root: foreign.root }, /is not signed by the root CA/],
    [{ from: now + 3_600_000 }, /is not valid now/],
    [{ to: now - 60_000 }, /is not valid now/],
  ];
  for (const [order, message] of wrong)
    await refused(t, rotation.install(await sign(request, order)), 'invalid', message);
  t.is(manager.authority.id, id);
  t.is(record().rotation, undefined);
});

test('a CA is valid from its first second and not in its last', async (t) => {
  const { rotation, clock } = await stage(t);
  const request = await rotation.request();
  const second = Math.ceil(clock.now() / 1_000) * 1_000;
  clock.advance(second - clock.now());
  const ended = await sign(request, { to: second });
  await refused(t, rotation.install(ended), 'invalid', /is not valid now/);
  await t.notThrowsAsync(sign(request, { from: second }).then((cert) => rotation.install(cert)));
});

test('the current CA is not the next one', async (t) => {
  const { rotation, paths } = await stage(t);
  await replaceFile(`${paths.key}.next`, pki.authority.key, 0o600);
  await refused(t, rotation.install(pki.authority.cert), 'invalid', /is the current CA/);
});

test('one rotation runs at a time', async (t) => {
  const { rotation } = await stage(t);
  await refused(t, rotation.finish(true), 'conflict', /none in progress/);
  const certificate = await sign(await rotation.request());
  await rotation.install(certificate);
  await refused(t, rotation.request(), 'conflict', /already in progress/);
  await refused(t, rotation.install(certificate), 'conflict', /already in progress/);
});

test('the old CA is refused once every member has a certificate of the new one', async (t) => {
  const staged = await stage(t);
  const { rotation, manager, peers, record, change } = staged;
  const old = manager.authority.id;
  await change({ refusedAuthorities: ['zz'] });
  await addNode(staged, 'n1');
  peers.set('n1', workerOf('n1', old));
  await rotation.install(await sign(await rotation.request()));
  await refused(t, rotation.finish(false), 'conflict', /m1:4400 \(old\), name-n1 \(old\)/);
  manager.signer = manager.authority.id;
  peers.delete('n1');
  await refused(t, rotation.finish(false), 'conflict', /CA: name-n1 \(away\)/);
  t.truthy(record().rotation);
  peers.set('n1', workerOf('n1', manager.authority.id));
  t.is(await rotation.finish(false), old);
  t.is(record().rotation, undefined);
  t.deepEqual(record().refusedAuthorities, [old, 'zz']);
});

test('a forced end waits for nobody', async (t) => {
  const { rotation, manager, record } = await stage(t);
  const old = manager.authority.id;
  await rotation.install(await sign(await rotation.request()));
  t.is(await rotation.finish(true), old);
  t.deepEqual(record().refusedAuthorities, [old]);
});

test('the loop asks workers to renew until the rotation ends', async (t) => {
  const { rotation, manager, asked, clock } = await stage(t);
  const old = manager.authority.id;
  rotation.start();
  t.teardown(() => rotation.stop());
  await rotation.install(await sign(await rotation.request()));
  await until('the first request', 10_000, () => asked.length > 0);
  await settle();
  const before = asked.length;
  clock.advance(2_000);
  await settle();
  t.is(asked.length, before + 1);
  t.true(asked.every((id) => id === old));
  await rotation.finish(true);
  await settle();
  const { length } = asked;
  clock.advance(2_000);
  await rotation.stop();
  t.is(asked.length, length);
});

test('a next CA on disk that is not the installed one is not used', async (t) => {
  const { rotation, manager, paths, change } = await stage(t);
  const { id } = manager.authority;
  const certificate = await sign(await rotation.request());
  await writeFile(`${paths.cert}.next`, certificate);
  await change({ rotation: { from: id, to: 'another', startedAt: 1 } });
  rotation.start();
  // Resolves after the first pass.
  await rotation.stop();
  t.is(manager.authority.id, id);
  t.is(manager.renewals, 0);
  t.is((await readKeyPair(paths)).key, pki.authority.key);
});

test('a key that is created for a request belongs to the request', async (t) => {
  const { rotation, paths } = await stage(t);
  const certificate = await sign(await rotation.request());
  await replaceFile(`${paths.key}.next`, await createPrivateKey(), 0o600);
  await refused(t, rotation.install(certificate), 'invalid', /sign the latest request/);
});
