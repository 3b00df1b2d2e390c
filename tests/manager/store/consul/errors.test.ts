import test from 'ava';
import { AppError } from '../../../../manager/common/base/errors.js';
import {
  isSafeToRetry,
  isUnknownOutcome,
  toConsulError,
} from '../../../../manager/store/consul/errors.js';

/** An error of the client library: a response with status and body. */
function response(statusCode: number, body?: unknown): Error {
  return Object.assign(new Error(`status ${statusCode}`), { response: { statusCode, body } });
}

/** An error of the system or of TLS. */
function failure(code: string, message = `failed: ${code}`): Error {
  return Object.assign(new Error(message), { code });
}

function translate(error: unknown): readonly [kind: string, message: string] {
  const { kind, message } = toConsulError(error, 'c1:8500');
  return [kind, message];
}

const at = 'consul at c1:8500';

test('a request is retried only if it was certainly not executed', (t) => {
  for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH']) {
    t.true(isSafeToRetry(failure(code)));
  }
  t.true(isSafeToRetry(response(500, 'No cluster leader')));
  t.true(isSafeToRetry(response(500, 'rpc error: No known Consul servers')));
  for (const error of [
    ...[failure('ECONNRESET'), failure('ETIMEDOUT'), new Error('No cluster leader'), undefined],
    ...[response(500, 'disk full'), response(429, 'No cluster leader'), 'ECONNREFUSED'],
  ]) {
    t.false(isSafeToRetry(error));
    t.true(isUnknownOutcome(toConsulError(error, 'x')));
  }
});

test('a missing permission names what the token needs', (t) => {
  const message = `${at}: permission denied; the ACL token needs key, session and service write, and agent read`;
  for (const error of [
    ...[
      response(403, ''),
      response(500, 'rpc error: Permission denied'),
      response(401, 'ACL not found'),
    ],
  ]) {
    t.deepEqual(translate(error), ['forbidden', message]);
  }
});

test('the status of a response decides the kind of its error', (t) => {
  t.deepEqual(translate(response(404)), ['not-found', `${at}: key not found`]);
  t.deepEqual(translate(response(409, {})), [
    ...['conflict', `${at}: conflicting write by another client`],
  ] as never);
  t.deepEqual(translate(response(400, 'bad key')), ['invalid', `${at}: bad key`]);
  t.deepEqual(translate(response(413, { error: 'large' })), [
    'invalid',
    `${at}: {"error":"large"}`,
  ]);
  t.deepEqual(translate(response(400, '')), ['invalid', `${at}: status 400`]);
  t.deepEqual(translate(response(400)), ['invalid', `${at}: status 400`]);
});

test('a server that cannot be reached is unavailable, with the reason', (t) => {
  t.deepEqual(translate(failure('ECONNREFUSED')), [
    ...['unavailable', `${at} cannot be reached: ECONNREFUSED`],
  ] as never);
  t.deepEqual(translate(response(500, 'No cluster leader')), [
    ...['unavailable', `${at} cannot be reached: no cluster leader`],
  ] as never);
  t.false(isUnknownOutcome(toConsulError(failure('ECONNREFUSED'), 'x')));
});

test('a failed handshake says what is wrong with the certificate', (t) => {
  for (const [code, problem] of [
    ['CERT_HAS_EXPIRED', 'server certificate has expired'],
    ['CERT_NOT_YET_VALID', 'server certificate is not valid yet; check the clocks'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'server certificate is for another name or address'],
    [
      'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
      'server requires a client certificate signed by its CA',
    ],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'server requires a client certificate signed by its CA'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'server certificate is signed by unknown authority'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'server certificate is signed by unknown authority'],
    ['EPROTO', 'check that the port serves TLS'],
  ] as const) {
    const message = `${at}: TLS handshake failed: ${problem} (${code})`;
    t.deepEqual(translate(failure(code)), ['forbidden', message]);
  }
});

test('every other error leaves the outcome of a write unknown', (t) => {
  const reset = toConsulError(failure('ECONNRESET', `reset ${'x'.repeat(300)}`), 'c1:8500');
  t.true(isUnknownOutcome(reset));
  t.is(reset.kind, 'unavailable');
  t.is(reset.name, 'UnknownOutcomeError');
  t.is(reset.message, `${at} did not answer: reset ${'x'.repeat(194)}`);
  for (const thrown of [undefined, null, 'text', { code: 7, response: { statusCode: '404' } }]) {
    t.true(isUnknownOutcome(toConsulError(thrown, 'c1:8500')));
  }
  t.false(isUnknownOutcome(new AppError('unavailable', 'no answer')));
});

test('the response is kept for diagnosis', (t) => {
  const error = response(409, 'index differs');
  const { detail, cause } = toConsulError(error, 'c1:8500');
  t.deepEqual([detail, cause], ['index differs', error]);
});
