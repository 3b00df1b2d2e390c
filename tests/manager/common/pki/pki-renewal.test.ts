import { X509Certificate } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { systemClock } from '../../../../manager/common/base/clock.js';
import { AppError } from '../../../../manager/common/base/errors.js';
import { silentLogger } from '../../../helpers/fakes/silent-logger.js';
import { ClusterAuthority } from '../../../../manager/ca/authority.js';
import { readKeyPair } from '../../../../manager/common/pki/pki-files.js';
import {
  CertificateRenewal,
  checkRenewed,
  renewalDue,
} from '../../../../manager/common/pki/pki-renewal.js';
import type { TestPki } from '../../../helpers/pki/pki.js';
import { createTestPki } from '../../../helpers/pki/pki.js';
import { temporaryFolder, writeNode } from '../../../helpers/pki/pki-folder.js';
import { until } from '../../../helpers/until.js';

let pki: TestPki;

test.before(async () => {
  pki = await createTestPki('c1');
});

test('a certificate is due between 3/5 and 2/3 of its lifetime', (t) => {
  const life = fc.integer({ min: 1_000, max: 10 * 365 * 86_400_000 });
  fc.assert(
    fc.property(life, fc.double({ min: 0, max: 0.999, noNaN: true }), (lifeMs, random) => {
      const due = renewalDue(1_000, 1_000 + lifeMs, random);
      return due > 1_000 + lifeMs * 0.59 && due <= 1_000 + (lifeMs * 2) / 3 + 1;
    }),
  );
  t.pass();
});

test('a certificate for another node, from another CA or not valid now is rejected', async (t) => {
  const mine = await pki.node('worker', 'w1');
  const before = new X509Certificate(mine.cert);
  const now = Date.now();
  t.notThrows(() => {
    checkRenewed(before, mine, pki.ca, now);
  });
  const other = await pki.node('worker', 'w2');
  t.throws(
    () => {
      checkRenewed(before, other, pki.ca, now);
    },
    { message: /is for CN=w2/ },
  );
  const foreign = await (await createTestPki('c1')).node('worker', 'w1');
  t.throws(
    () => {
      checkRenewed(before, foreign, pki.ca, now);
    },
    { message: /is not signed by the cluster CA/ },
  );
  const old = await pki.node('worker', 'w1', -1);
  t.throws(
    () => {
      checkRenewed(before, old, pki.ca, now);
    },
    { message: /is not valid now/ },
  );
});

test('a due certificate is renewed with a new key and retried after a failure', async (t) => {
  const folder = await temporaryFolder(t);
  // Two of four seconds left: the renewal is due within a second.
  const paths = await writeNode(folder, pki, { role: 'worker', nodeId: 'w1', aliveMs: 3_000 });
  const before = await readKeyPair(paths);
  const authority = new ClusterAuthority(pki.authority);
  let asked = 0;
  const renewal = new CertificateRenewal({
    owner: 'worker',
    paths,
    ca: pki.ca,
    clock: systemClock,
    log: silentLogger,
    random: () => 0,
    obtain: (request) => {
      asked += 1;
      if (asked === 1) return Promise.reject(new AppError('unavailable', 'no manager'));
      const identity = { clusterId: 'c1', role: 'worker', nodeId: 'w1' } as const;
      return authority.sign(
        { request, identity, alternativeNames: ['127.0.0.1'], lifetimeMs: 86_400_000 },
        Date.now(),
      );
    },
    onRenewed: () => undefined,
  });
  t.teardown(() => renewal.stop());
  renewal.start();
  await until('renewal', 20_000, async () => (await readKeyPair(paths)).cert !== before.cert);
  const after = await readKeyPair(paths);
  t.not(after.key, before.key);
  t.true(Date.parse(new X509Certificate(after.cert).validTo) > Date.now() + 80_000_000);
  t.is(asked, 2);
});

test('a signed certificate never outlives its CA', async (t) => {
  const authority = new ClusterAuthority(pki.authority);
  const { createPrivateKey, createRequest } = await import('../../../../manager/common/pki/pki.js');
  const chain = await authority.sign(
    {
      request: await createRequest(await createPrivateKey(), 'w1'),
      identity: { clusterId: 'c1', role: 'worker', nodeId: 'w1' },
      alternativeNames: [],
      lifetimeMs: 1000 * 86_400_000,
    },
    Date.now(),
  );
  t.is(Date.parse(new X509Certificate(chain).validTo), authority.notAfterMs);
});
