import {
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { isAppError } from '../../../../manager/common/base/errors.js';
import { readCertificateRequest } from '../../../../manager/common/pki/certificate-request.js';
import {
  createPrivateKey,
  createRequest,
  signRequest,
  validityFor,
} from '../../../../manager/common/pki/pki.js';
import { createTestPki } from '../../../helpers/pki/pki.js';

/** Encodes one DER element. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const integer = (bytes: Uint8Array): Buffer =>
  der(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.from([0]) : Buffer.alloc(0), bytes);
const bits = (bytes: Uint8Array): Buffer => der(0x03, Buffer.from([0]), bytes);
const nothing = der(0x05);

const algorithms = {
  rsa: sequence(der(0x06, Buffer.from('2a864886f70d010101', 'hex')), nothing),
  rsaSha1: sequence(der(0x06, Buffer.from('2a864886f70d010105', 'hex')), nothing),
  rsaSha256: sequence(der(0x06, Buffer.from('2a864886f70d01010b', 'hex')), nothing),
  ecdsaSha256: sequence(der(0x06, Buffer.from('2a8648ce3d040302', 'hex'))),
  ecdsaSha384: sequence(der(0x06, Buffer.from('2a8648ce3d040303', 'hex'))),
};

function rsaKey(modulus: Uint8Array, exponent: Uint8Array): Buffer {
  return sequence(algorithms.rsa, bits(sequence(integer(modulus), integer(exponent))));
}

/** A request for a public key (SPKI), PEM; `signer` signs its content. */
function requestFor(
  spki: Uint8Array,
  algorithm: Uint8Array,
  signer: (info: Buffer) => Uint8Array,
): string {
  const info = sequence(integer(Buffer.from([0])), sequence(), spki, der(0xa0));
  return pem(sequence(info, algorithm, bits(signer(info))));
}

function pem(bytes: Buffer): string {
  const text = bytes.toString('base64').replaceAll(/.{64}/gu, '$&\n');
  return `-----BEGIN CERTIFICATE REQUEST-----\n${text}\n-----END CERTIFICATE REQUEST-----\n`;
}

function signedBy(key: KeyObject, digest: string, algorithm: Uint8Array): string {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return requestFor(spki, algorithm, (info) => sign(digest, info, key));
}

/** A modulus of exactly this many bits, odd. */
function modulus(size: number): Buffer {
  const bytes = randomBytes(Math.ceil(size / 8));
  const top = (size - 1) % 8;
  bytes[0] = ((bytes[0] ?? 0) & ((1 << top) - 1)) | (1 << top);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) | 1;
  return bytes;
}

const exponent = Buffer.from([1, 0, 1]);

async function refused(t: ExecutionContext, request: string, message: RegExp): Promise<void> {
  const error: unknown = await t.throwsAsync(readCertificateRequest(request));
  t.true(isAppError(error) && error.kind === 'invalid', String(error));
  t.regex((error as Error).message, message);
}

test('the request of a program of ours is accepted with its public key', async (t) => {
  const key = await createPrivateKey();
  const read = await readCertificateRequest(await createRequest(key, 'w1'));
  t.deepEqual(read, createPublicKey(key).export({ type: 'spki', format: 'der' }));
});

test('keys of P-256, P-384 and RSA up to 4096 bits are accepted', async (t) => {
  const keys = [
    [generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'sha256', algorithms.ecdsaSha256],
    [generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'sha384', algorithms.ecdsaSha384],
    [generateKeyPairSync('rsa', { modulusLength: 4096 }), 'sha256', algorithms.rsaSha256],
  ] as const;
  for (const [{ privateKey, publicKey }, digest, algorithm] of keys) {
    const read = await readCertificateRequest(signedBy(privateKey, digest, algorithm));
    t.deepEqual(read, publicKey.export({ type: 'spki', format: 'der' }));
  }
});

test('an elliptic key gets a certificate that carries it', async (t) => {
  const { root } = await createTestPki('c1');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const cert = await signRequest(root, {
    request: signedBy(privateKey, 'sha256', algorithms.ecdsaSha256),
    subject: { commonName: 'ada', organizationalUnit: 'client', organization: 'ada' },
    alternativeNames: [],
    usage: 'client',
    validity: validityFor(new Date(), 1),
  });
  const read = new X509Certificate(cert);
  t.true(read.checkPrivateKey(privateKey));
  t.true(read.verify(new X509Certificate(root.cert).publicKey));
});

test('a key outside the limits is refused before its signature is verified', async (t) => {
  // The last one made the verification take 39 seconds.
  const wrong = [
    [512, exponent, /RSA key of 512 bits/],
    [2047, exponent, /RSA key of 2047 bits/],
    [4097, exponent, /RSA key of 4097 bits/],
    [2048, Buffer.from([3]), /RSA exponent/],
    [2048, Buffer.from([1, 0, 0]), /RSA exponent/],
    [2048, Buffer.from([1, 0, 0, 0, 1]), /RSA exponent/],
    [4096, modulus(4095), /RSA exponent/],
    [17_000, modulus(16_900), /RSA key of 17000 bits/],
  ] as const;
  for (const [size, power, message] of wrong) {
    const spki = rsaKey(modulus(size), power);
    const request = requestFor(spki, algorithms.rsaSha256, () => randomBytes(Math.ceil(size / 8)));
    await refused(t, request, message);
  }
});

test('a small key is refused although its own signature is right', async (t) => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 512 });
  await refused(t, signedBy(privateKey, 'sha256', algorithms.rsaSha256), /RSA key of 512 bits/);
});

test('other curves, key types and digests are refused', async (t) => {
  const wide = generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey;
  await refused(t, signedBy(wide, 'sha256', algorithms.ecdsaSha256), /P-256 or P-384/);
  const edwards = generateKeyPairSync('ed25519');
  const spki = edwards.publicKey.export({ type: 'spki', format: 'der' });
  await refused(
    t,
    requestFor(spki, algorithms.ecdsaSha256, () => randomBytes(64)),
    /key type/,
  );
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  await refused(t, signedBy(rsa, 'sha1', algorithms.rsaSha1), /signature algorithm/);
  await refused(t, signedBy(rsa, 'sha256', algorithms.ecdsaSha256), /signature algorithm/);
});

test('a signature by another key is refused', async (t) => {
  const [own, other] = [1, 2].map(
    () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  ) as [KeyObject, KeyObject];
  const spki = createPublicKey(own).export({ type: 'spki', format: 'der' });
  const request = requestFor(spki, algorithms.ecdsaSha256, (info) => sign('sha256', info, other));
  await refused(t, request, /signature does not match/);
});

test('a point outside its curve is refused', async (t) => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  spki[spki.length - 1] = (spki.at(-1) ?? 0) ^ 1;
  await refused(
    t,
    requestFor(spki, algorithms.ecdsaSha256, () => randomBytes(70)),
    /malformed/,
  );
});

test('a text above 16 KiB is refused unread', async (t) => {
  await refused(t, 'x'.repeat(16_385), /more than 16384 characters/);
});

test('truncated and altered requests are refused as malformed, none is accepted', async (t) => {
  const whole = Buffer.from(
    (await createRequest(await createPrivateKey(), 'w1')).replaceAll(/-----[^-]+-----|\s/gu, ''),
    'base64',
  );
  for (let length = 0; length < whole.length; length += 1)
    await t.throwsAsync(readCertificateRequest(pem(whole.subarray(0, length))));
  for (let at = 0; at < whole.length; at += 1) {
    const altered = Buffer.from(whole);
    altered[at] = (altered[at] ?? 0) ^ 0x81;
    const error: unknown = await t.throwsAsync(
      readCertificateRequest(pem(altered)),
      undefined,
      `${at}`,
    );
    t.true(isAppError(error) && error.kind === 'invalid');
  }
  for (const text of ['', 'no request', pem(Buffer.concat([whole, Buffer.from([0])]))])
    await t.throwsAsync(readCertificateRequest(text));
});
