import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { ClusterAuthority } from '../../../manager/ca/authority.js';
import { isAppError } from '../../../manager/common/base/errors.js';
import { certificatesOf } from '../../../manager/common/pki/pki-peer.js';
import { createPrivateKey, createRequest } from '../../../manager/common/pki/pki.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { createTestPki } from '../../helpers/pki/pki.js';

let pki: TestPki;
let request: string;

test.before(async () => {
  pki = await createTestPki('c1');
  request = await createRequest(await createPrivateKey(), 'x');
});

const identity = { clusterId: 'c1', role: 'worker', nodeId: 'w1' } as const;
const second = Math.floor(Date.now() / 1000) * 1000;

async function validity(lifetimeMs: number): Promise<readonly [number, number]> {
  const authority = new ClusterAuthority(pki.authority);
  const order = { request, identity, alternativeNames: ['10.0.0.1', 'node-1'], lifetimeMs };
  const chain = await authority.sign(order, second);
  const { validFrom, validTo } = new X509Certificate(chain);
  return [Date.parse(validFrom) - second, Date.parse(validTo) - second];
}

test('a certificate is backdated by an hour, a short one by its lifetime', async (t) => {
  t.deepEqual(await validity(86_400_000), [-3_600_000, 86_400_000]);
  t.deepEqual(await validity(60_000), [-60_000, 60_000]);
});

test("a manager's chain is the leaf with the identity and names of the order, then the CA", async (t) => {
  const authority = new ClusterAuthority(pki.authority);
  const manager = { clusterId: 'c1', role: 'manager', nodeId: 'm1' } as const;
  const alternativeNames = ['10.0.0.1', 'node-1'];
  const order = { request, identity: manager, alternativeNames, lifetimeMs: 60_000 };
  const [leaf, issuer, ...rest] = certificatesOf(await authority.sign(order, second));
  t.is(leaf?.subject, 'CN=m1\nOU=manager\nO=c1');
  t.is(leaf?.subjectAltName, 'IP Address:10.0.0.1, DNS:node-1');
  t.is(issuer?.toString(), authority.cert);
  t.deepEqual(rest, []);
});

test('an expired CA signs nothing, from the second of its end', async (t) => {
  const authority = new ClusterAuthority(pki.authority);
  const order = { request, identity, alternativeNames: [], lifetimeMs: 60_000 };
  await t.notThrowsAsync(authority.sign(order, authority.notAfterMs - 1));
  const error: unknown = await t.throwsAsync(authority.sign(order, authority.notAfterMs));
  t.true(isAppError(error) && error.kind === 'unavailable');
});
