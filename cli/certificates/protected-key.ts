import { createCipheriv, createPrivateKey, randomBytes, scrypt } from 'node:crypto';
import type { ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';
import { AppError } from '../../manager/common/base/errors.js';
import { requirePassphrase } from '../output/secret-input.js';

/*
 * Private keys encrypted with a passphrase: PKCS #8 with PBES2 (RFC 8018), scrypt (RFC 7914) and
 * AES-256-CBC, which openssl reads as well. Node encrypts with PBKDF2 and 2,048 rounds only.
 */

const deriveKey = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** 16 MiB and about 0.3 s for each guess; OpenSSL refuses keys that need more than 32 MiB. */
const cost = { N: 2 ** 14, r: 8, p: 5 };

const oids = {
  pbes2: '2a864886f70d01050d',
  scrypt: '2b06010401da47040b',
  aes256Cbc: '60864801650304012a',
} as const;

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const size = Buffer.from([length >> 16, (length >> 8) & 0xff, length & 0xff]);
  const short = size.subarray(size.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.from([tag, 0x80 | short.length]), short, content]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, Buffer.concat(parts));
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const octets = (content: Buffer): Buffer => der(0x04, content);

/** A positive integer below 2^31. */
function integer(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  // The shortest form whose first bit, the sign, is clear.
  let start = 0;
  while (start < 3 && bytes[start] === 0 && (bytes[start + 1] ?? 0) < 0x80) start += 1;
  return der(0x02, bytes.subarray(start));
}

/** True if a private key (PEM) is encrypted. */
export function isProtectedKey(pem: string): boolean {
  return pem.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----');
}

/** Encrypts a private key (PEM). Throws `invalid` if the passphrase is too short. */
export async function protectKey(pem: string, passphrase: string): Promise<string> {
  requirePassphrase(passphrase);
  const plain = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  const [salt, iv] = [randomBytes(16), randomBytes(16)];
  const key = await deriveKey(passphrase, salt, 32, cost);
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  const data = Buffer.concat([cipher.update(plain), cipher.final()]);
  const derivation = sequence(
    octets(salt),
    ...[cost.N, cost.r, cost.p, key.length].map((value) => integer(value)),
  );
  const scheme = sequence(
    oid(oids.pbes2),
    sequence(sequence(oid(oids.scrypt), derivation), sequence(oid(oids.aes256Cbc), octets(iv))),
  );
  const text = sequence(scheme, octets(data)).toString('base64');
  const lines = text.match(/.{1,64}/gu) ?? [];
  return `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${lines.join('\n')}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
}

/** Decrypts a private key to PKCS #8 PEM. Throws `invalid` if the passphrase is wrong. */
export function unprotectKey(pem: string, passphrase: string): string {
  try {
    const key = createPrivateKey({ key: pem, passphrase });
    return key.export({ type: 'pkcs8', format: 'pem' }) as string;
  } catch (error) {
    throw new AppError('invalid', 'CA key: wrong passphrase, or the file is damaged', {
      cause: error,
    });
  }
}
