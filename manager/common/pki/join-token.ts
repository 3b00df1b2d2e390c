import { createHash, randomBytes, timingSafeEqual, X509Certificate } from 'node:crypto';
import { AppError } from '../base/errors.js';

/** Fields of a join token: `shoal1.ROLE.FINGERPRINT.ID.SECRET`. */
export interface JoinTokenFields {
  readonly role: 'worker';
  /** sha256 of the root CA certificate (DER), base64url; used by the machine to verify the CA. */
  readonly fingerprint: string;
  readonly id: string;
  readonly secret: string;
}

const pattern = /^shoal1\.(worker)\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9]{1,64})\.([A-Za-z0-9_-]{43})$/;

/** Generates 256 random bits, base64url. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** sha256, hex. A slow hash is unnecessary: the secret has 256 random bits. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Compares in constant time. */
export function matchesHash(secret: string, hash: string): boolean {
  const given = Buffer.from(hashSecret(secret), 'hex');
  const wanted = Buffer.from(hash, 'hex');
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** Fingerprint of a PEM certificate: sha256 of its DER, base64url. */
export function fingerprintOf(certificate: string): string {
  const { raw } = new X509Certificate(certificate);
  return createHash('sha256').update(raw).digest('base64url');
}

export function formatToken({ role, fingerprint, id, secret }: JoinTokenFields): string {
  return ['shoal1', role, fingerprint, id, secret].join('.');
}

/** Throws `invalid` for a malformed token; the message never contains the secret. */
export function parseToken(text: string): JoinTokenFields {
  const match = pattern.exec(text.trim());
  if (match === null) {
    throw new AppError(
      'invalid',
      'join token: malformed; copy the whole line that "shoal token create" prints, it starts with shoal1.worker',
    );
  }
  const [, , fingerprint = '', id = '', secret = ''] = match;
  return { role: 'worker', fingerprint, id, secret };
}
