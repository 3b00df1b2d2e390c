import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { isAppError } from '../../../../manager/common/base/errors.js';
import type { PresentedCertificate } from '../../../../manager/common/pki/pki-peer.js';
import {
  authenticatePeer,
  authorityId,
  certificatesOf,
  readAlternativeNames,
} from '../../../../manager/common/pki/pki-peer.js';
import type { TestPki } from '../../../helpers/pki/pki.js';
import { createTestPki } from '../../../helpers/pki/pki.js';

let pki: TestPki;
let foreign: TestPki;

test.before(async () => {
  [pki, foreign] = await Promise.all([createTestPki('c1'), createTestPki('c1')]);
});

/** The fields of a leaf as node:tls presents them, with the given issuer. */
function presented(cert: string, issuer: string | undefined): PresentedCertificate {
  const leaf = new X509Certificate(cert);
  const names = (text: string): Record<string, string> =>
    Object.fromEntries(text.split('\n').map((line) => line.split('=') as [string, string]));
  return {
    subject: names(leaf.subject),
    issuer: names(leaf.issuer),
    raw: leaf.raw,
    serialNumber: leaf.serialNumber.toUpperCase(),
    ...(issuer === undefined
      ? {}
      : { issuerCertificate: { raw: new X509Certificate(issuer).raw } }),
  };
}

test('a worker is identified with its serial number and CA', async (t) => {
  const { cert } = await pki.node('worker', 'w1');
  const authority = authorityId(new X509Certificate(pki.authority.cert));
  const expected = {
    clusterId: 'c1',
    role: 'worker',
    nodeId: 'w1',
    serial: new X509Certificate(cert).serialNumber.toLowerCase(),
    authority,
  };
  // The second time the answer comes from the cache.
  for (const refused of [[], ['another']])
    t.deepEqual(authenticatePeer(presented(cert, pki.authority.cert), refused), expected as never);
});

test('a client has no CA of the cluster, and refused CAs do not concern it', async (t) => {
  const { cert } = await pki.client('ada');
  const peer = authenticatePeer(presented(cert, undefined), ['']);
  t.is(peer.role, 'client');
  t.false('authority' in peer);
});

test('a refused CA, a missing issuer and the wrong issuer are rejected', async (t) => {
  const { cert } = await pki.node('worker', 'w1');
  const authority = authorityId(new X509Certificate(pki.authority.cert));
  const whole = presented(cert, pki.authority.cert);
  const wrong: readonly (readonly [PresentedCertificate, readonly string[], RegExp])[] = [
    [whole, [authority], /signed by a CA that was replaced/],
    [presented(cert, undefined), [], /presented without its issuing CA/],
    [{ ...whole, issuerCertificate: {} }, [], /presented without its issuing CA/],
    [{ ...whole, raw: undefined }, [], /presented without its issuing CA/],
    [presented(cert, foreign.authority.cert), [], /not signed by the CA presented with it/],
  ];
  for (const [certificate, refused, message] of wrong) {
    const error = t.throws(() => authenticatePeer(certificate, refused), { message });
    t.true(isAppError(error) && error.kind === 'forbidden');
  }
});

test('a certificate without a serial number has an empty one', async (t) => {
  const { cert } = await pki.client('ada');
  const { serialNumber: _, ...rest } = presented(cert, undefined);
  t.is(authenticatePeer(rest, []).serial, '');
});

test('certificates of a text are read in their order, without other blocks', async (t) => {
  const { cert, key } = await pki.node('worker', 'w1');
  const subjects = certificatesOf(key + cert).map(({ subject }) => subject.split('\n')[0]);
  t.deepEqual(subjects, ['CN=w1', 'CN=shoal c1']);
  t.deepEqual(certificatesOf(''), []);
});

test('alternative names lose their kind', (t) => {
  t.deepEqual(readAlternativeNames('DNS:node-1, IP Address:10.0.0.1'), ['node-1', '10.0.0.1']);
  t.deepEqual(readAlternativeNames(undefined), []);
  t.deepEqual(readAlternativeNames(''), []);
});
