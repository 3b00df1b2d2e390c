import { createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { AppError, isAppError } from '../base/errors.js';
import type { DerElement } from './der.js';
import { bitsOf, contentBytes, derTags, magnitudeOf, readDer, readSequence } from './der.js';

/*
 * Certificate requests come from machines that hold only a join token, or from a compromised
 * worker. The time to verify a signature grows with the size of the key that the sender chose, so
 * the key is inspected first, and OpenSSL verifies the signature on a thread of its own.
 */

/** Longest accepted request, PEM. */
export const maxRequestLength = 16_384;

const minRsaBits = 2048;
const maxRsaBits = 4096;
const minExponent = 65_537;
const maxExponentBytes = 4;

const keyTypes: Readonly<Record<string, 'rsa' | 'ec'>> = {
  '2a864886f70d010101': 'rsa',
  '2a8648ce3d0201': 'ec',
};

/** Hex of the object identifiers of P-256 and P-384. */
const curves: ReadonlySet<string> = new Set(['2a8648ce3d030107', '2b81040022']);

const signatures: Readonly<
  Record<string, { readonly type: 'rsa' | 'ec'; readonly digest: string }>
> = {
  '2a864886f70d01010b': { type: 'rsa', digest: 'sha256' },
  '2a864886f70d01010c': { type: 'rsa', digest: 'sha384' },
  '2a864886f70d01010d': { type: 'rsa', digest: 'sha512' },
  '2a8648ce3d040302': { type: 'ec', digest: 'sha256' },
  '2a8648ce3d040303': { type: 'ec', digest: 'sha384' },
  '2a8648ce3d040304': { type: 'ec', digest: 'sha512' },
};

const verifyAsync = promisify<string, Buffer, KeyObject, Buffer, boolean>(verify);

/**
 * Returns the public key (SPKI, DER) of a PKCS #10 request (PEM) after verifying its signature.
 * Rejects with `invalid` for a malformed request, a key other than RSA of 2048 to 4096 bits, P-256
 * or P-384, or a signature by another key.
 */
export async function readCertificateRequest(pem: string): Promise<Buffer> {
  if (pem.length > maxRequestLength) {
    throw new AppError(
      'invalid',
      `certificate request: has more than ${maxRequestLength} characters`,
    );
  }
  try {
    return await readDerRequest(decodePem(pem));
  } catch (error) {
    if (isAppError(error)) throw error;
    throw new AppError('invalid', 'certificate request: malformed', { cause: error });
  }
}

function decodePem(pem: string): Buffer {
  const body =
    /^\s*-----BEGIN CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE REQUEST-----\s*$/u.exec(
      pem,
    )?.[1];
  if (body === undefined) throw new RangeError('not PEM');
  return Buffer.from(body, 'base64');
}

async function readDerRequest(bytes: Buffer): Promise<Buffer> {
  const [info, algorithm, signature] = readSequence(readDer(bytes), 3);
  if (info === undefined || algorithm === undefined) throw new RangeError('no content');
  const [, , keyInfo] = readSequence(info, 4);
  if (keyInfo === undefined) throw new RangeError('no public key');
  const type = inspectKey(keyInfo);
  const digest = digestOf(algorithm, type);
  const key = createPublicKey({ key: keyInfo.whole, format: 'der', type: 'spki' });
  if (!(await verifyAsync(digest, info.whole, key, bitsOf(signature)))) {
    throw new AppError('invalid', 'certificate request: signature does not match its key');
  }
  return key.export({ format: 'der', type: 'spki' });
}

/** Returns the type of a key (SubjectPublicKeyInfo). Throws `invalid` for a key outside the limits. */
function inspectKey(keyInfo: DerElement): 'rsa' | 'ec' {
  const [algorithm, key] = readSequence(keyInfo, 2);
  if (algorithm === undefined) throw new RangeError('no key algorithm');
  const [identifier, parameters] = readSequence(algorithm, 2);
  const type = keyTypes[contentBytes(identifier, derTags.objectIdentifier).toString('hex')];
  if (type === undefined) throw refused('key type is not supported; use RSA, P-256 or P-384');
  if (type === 'rsa') inspectRsaKey(readDer(bitsOf(key)));
  else if (!curves.has(contentBytes(parameters, derTags.objectIdentifier).toString('hex'))) {
    throw refused('elliptic curve is not supported; use P-256 or P-384');
  }
  return type;
}

function inspectRsaKey(key: DerElement): void {
  const [modulus, exponent] = readSequence(key, 2).map(magnitudeOf);
  if (modulus === undefined || exponent === undefined) throw new RangeError('no RSA key');
  const bits = Math.max(modulus.length - 1, 0) * 8 + 32 - Math.clz32(modulus[0] ?? 0);
  if (bits < minRsaBits || bits > maxRsaBits) {
    throw refused(`RSA key of ${bits} bits; use ${minRsaBits} to ${maxRsaBits}`);
  }
  const isShort = exponent.length > 0 && exponent.length <= maxExponentBytes;
  const value = isShort ? exponent.readUIntBE(0, exponent.length) : 0;
  if (value < minExponent || value % 2 === 0) {
    throw refused(`RSA exponent is not supported; use ${minExponent}`);
  }
}

function digestOf(algorithm: DerElement, type: 'rsa' | 'ec'): string {
  const [identifier, parameters] = readSequence(algorithm, 2);
  const known = signatures[contentBytes(identifier, derTags.objectIdentifier).toString('hex')];
  if (known?.type !== type) {
    throw refused('signature algorithm is not supported; use SHA-256, SHA-384 or SHA-512');
  }
  // RFC 4055 and RFC 5758: null for RSA, absent for ECDSA.
  const wanted = type === 'rsa' ? '0500' : undefined;
  if (parameters?.whole.toString('hex') !== wanted) throw new RangeError('algorithm parameters');
  return known.digest;
}

function refused(why: string): AppError {
  return new AppError('invalid', `certificate request: ${why}`);
}
