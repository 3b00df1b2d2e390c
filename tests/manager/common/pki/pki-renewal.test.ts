import { X509Certificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import fc from 'fast-check';
import type { Clock } from '../../../../manager/common/base/clock.js';
import { systemClock } from '../../../../manager/common/base/clock.js';
import { AppError } from '../../../../manager/common/base/errors.js';
import { jsonLogger } from '../../../../manager/common/base/log.js';
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
import type { PkiPaths } from '../../../helpers/pki/pki-folder.js';
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

test('an answer without a certificate or with a broken chain is rejected', async (t) => {
  const mine = await pki.node('worker', 'w1');
  const before = new X509Certificate(mine.cert);
  const check =
    (cert: string, nowMs = Date.now()) =>
    (): void => {
      checkRenewed(before, { cert, key: mine.key }, pki.ca, nowMs);
    };
  const leaf = mine.cert.slice(0, mine.cert.indexOf('-----END') + 26);
  t.throws(check(''), { message: /contains no certificate; the old one is kept/ });
  t.throws(check(leaf), { message: /is not signed by the cluster CA/ });
  t.throws(check(mine.cert + leaf), { message: /is not signed by the cluster CA/ });
  const [from, to] = [Date.parse(before.validFrom), Date.parse(before.validTo)];
  t.notThrows(check(mine.cert, from));
  t.throws(check(mine.cert, from - 1), { message: /is not valid now/ });
  t.notThrows(check(mine.cert, to - 1));
  t.throws(check(mine.cert, to), { message: /is not valid now/ });
});

interface Watched {
  readonly renewal: CertificateRenewal;
  readonly waits: readonly number[];
  readonly asked: readonly string[];
  readonly renewed: readonly unknown[];
  readonly warnings: readonly string[];
  readonly paths: PkiPaths;
  /** Runs the check that the renewal waits for. */
  readonly next: () => void;
}

/** A renewal whose clock stands `untilDueMs` before the certificate is due. */
async function watched(
  t: ExecutionContext,
  untilDueMs: number,
  obtain: (request: string) => Promise<string>,
): Promise<Watched> {
  const paths = await writeNode(await temporaryFolder(t), pki, {
    role: 'worker',
    nodeId: 'w1',
    aliveMs: 3_600_000,
  });
  const { validFrom, validTo } = new X509Certificate((await readKeyPair(paths)).cert);
  const due = renewalDue(Date.parse(validFrom), Date.parse(validTo), 0);
  const waits: number[] = [];
  const asked: string[] = [];
  const renewed: unknown[] = [];
  const warnings: string[] = [];
  let pendingCheck: (() => void) | undefined;
  const clock: Clock = {
    now: () => due - untilDueMs,
    elapsed: () => 0,
    after: (ms, callback) => {
      waits.push(ms);
      pendingCheck = callback;
      return () => (pendingCheck = undefined);
    },
  };
  const renewal = new CertificateRenewal({
    owner: 'worker',
    paths,
    ca: pki.ca,
    clock,
    log: jsonLogger(
      'warn',
      (line) => warnings.push(line),
      () => 0,
    ),
    random: () => 0,
    obtain: (request) => {
      asked.push(request);
      return obtain(request);
    },
    onRenewed: (pair) => renewed.push(pair),
  });
  t.teardown(() => renewal.stop());
  return { renewal, waits, asked, renewed, warnings, paths, next: () => pendingCheck?.() };
}

const isWaiting = (waits: readonly number[], count: number): Promise<void> =>
  until(`check ${count}`, 20_000, () => Promise.resolve(waits.length >= count));

const noManager = (): Promise<string> => Promise.reject(new AppError('unavailable', 'none'));

test('a certificate that is not due is checked again in time, at the latest in a minute', async (t) => {
  for (const [untilDueMs, wait] of [
    [3_000_000, 60_000],
    [5_000, 5_000],
    [3, 100],
  ] as const) {
    const { renewal, waits, asked } = await watched(t, untilDueMs, noManager);
    renewal.start();
    await isWaiting(waits, 1);
    t.deepEqual(waits, [wait]);
    t.deepEqual(asked, []);
  }
});

test('failures back off, and a request to renew starts over', async (t) => {
  const { renewal, waits, asked, warnings, next } = await watched(t, 0, noManager);
  renewal.start();
  for (let count = 1; count <= 3; count += 1) {
    await isWaiting(waits, count);
    if (count < 3) next();
  }
  const [first = 0, second = 0, third = 0] = waits;
  t.is(warnings.length, 1);
  t.regex(warnings[0] ?? '', /certificate of the worker: renewal failed, retrying: none/);
  t.true(second > first);
  t.true(third > second);
  renewal.renewNow();
  await isWaiting(waits, 4);
  t.is(waits[3], first);
  t.is(asked.length, 4);
  t.is(warnings.length, 1);
});

test('a request to renew is kept until a renewal succeeds, then the next check is usual', async (t) => {
  const authority = new ClusterAuthority(pki.authority);
  let isReachable = false;
  const { renewal, waits, renewed, asked, paths, next } = await watched(t, 2_000_000, (request) => {
    if (!isReachable) return noManager();
    const identity = { clusterId: 'c1', role: 'worker', nodeId: 'w1' } as const;
    const order = { request, identity, alternativeNames: [], lifetimeMs: 86_400_000 };
    return authority.sign(order, Date.now());
  });
  renewal.renewNow();
  await isWaiting(waits, 1);
  t.is(renewed.length, 0);
  isReachable = true;
  next();
  await isWaiting(waits, 2);
  t.is(renewed.length, 1);
  t.is(waits[1], 100);
  next();
  await isWaiting(waits, 3);
  t.is(asked.length, 2);
  // A later failure of another kind backs off from the start.
  await rm(paths.cert);
  next();
  await isWaiting(waits, 4);
  t.is(waits[3], waits[0]);
});

test('a stopped renewal waits for nothing and starts nothing', async (t) => {
  const { renewal, waits, asked } = await watched(t, 0, noManager);
  renewal.start();
  await renewal.stop();
  t.deepEqual(waits, []);
  const count = asked.length;
  renewal.renewNow();
  await renewal.stop();
  t.is(asked.length, count);
});
