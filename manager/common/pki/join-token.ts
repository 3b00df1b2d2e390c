import { createHash, randomBytes, timingSafeEqual, X509Certificate } from 'node:crypto';
import { AppError } from '../base/errors.js';

/** What a token's text says: `shoal1.ROLE.FINGERPRINT.ID.SECRET`. */
export interface TokenText {
  readonly role: 'worker';
  /** sha256 of the authority's certificate (DER), base64url: the machine knows by it whom it joins. */
  readonly fingerprint: string;
  readonly id: string;
  readonly secret: string;
}

const pattern = /^shoal1\.(worker)\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9]{1,64})\.([A-Za-z0-9_-]{43})$/;

/** 256 random bits. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** sha256, hex; the secret is random and long, so that a slow hash would add nothing. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Takes the same time whatever differs. */
export function matchesHash(secret: string, hash: string): boolean {
  const given = Buffer.from(hashSecret(secret), 'hex');
  const wanted = Buffer.from(hash, 'hex');
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** Of a certificate as PEM: sha256 of its DER, base64url. */
export function fingerprintOf(certificate: string): string {
  const { raw } = new X509Certificate(certificate);
  return createHash('sha256').update(raw).digest('base64url');
}

export function formatToken({ role, fingerprint, id, secret }: TokenText): string {
  return ['shoal1', role, fingerprint, id, secret].join('.');
}

/** Throws `invalid` for what is no token; its secret is not repeated in the message. */
export function parseToken(text: string): TokenText {
  const match = pattern.exec(text.trim());
  if (match === null) {
    throw new AppError(
      'invalid',
      'this is no join token: "shoal token create" prints one, it begins with shoal1.worker and is one line',
    );
  }
  const [, , fingerprint = '', id = '', secret = ''] = match;
  return { role: 'worker', fingerprint, id, secret };
}
