import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import type { ScryptOptions } from 'node:crypto';
import { decodeJson, integer, object, oneOf, string } from '../../manager/common/base/decode.js';
import { AppError } from '../../manager/common/base/errors.js';
import { requirePassphrase } from '../output/secret-input.js';

const deriveKey = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** Work factor: 64 MiB and about 0.3 s for each guess at the passphrase. */
const cost = 2 ** 16;
const blockSize = 8;
/** A file cannot demand more memory than 1 GiB of the computer that opens it. */
const maxCost = 2 ** 20;

interface SealedFile {
  readonly format: 'shoal-client';
  /** scrypt's N; r is 8 and p is 1. */
  readonly cost: number;
  /** base64, like the fields below. */
  readonly salt: string;
  readonly iv: string;
  readonly tag: string;
  readonly data: string;
}

const sealedFile = object<SealedFile>({
  format: oneOf('shoal-client'),
  cost: integer,
  salt: string,
  iv: string,
  tag: string,
  data: string,
});

function keyOf(passphrase: string, salt: Buffer, n: number): Promise<Buffer> {
  const maxmem = 256 * n * blockSize;
  return deriveKey(passphrase.normalize('NFC'), salt, 32, { N: n, r: blockSize, p: 1, maxmem });
}

/** Encrypts a text with a passphrase: scrypt and AES-256-GCM. Throws `invalid` if it is too short. */
export async function sealText(text: string, passphrase: string): Promise<string> {
  requirePassphrase(passphrase);
  const [salt, iv] = [randomBytes(16), randomBytes(12)];
  const cipher = createCipheriv('aes-256-gcm', await keyOf(passphrase, salt, cost), iv);
  const data = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  const file: SealedFile = {
    format: 'shoal-client',
    cost,
    salt: salt.toString('base64'),
    iv: iv.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    data: data.toString('base64'),
  };
  return `${JSON.stringify(file)}\n`;
}

/** Decrypts a file. Throws `invalid` if it is damaged or the passphrase is wrong. */
export async function openText(content: string, passphrase: string, path: string): Promise<string> {
  const file = decodeJson(content, sealedFile, `file ${path}`);
  const isPower = Number.isInteger(Math.log2(file.cost));
  const [iv, tag] = [Buffer.from(file.iv, 'base64'), Buffer.from(file.tag, 'base64')];
  if (!isPower || file.cost < 2 || file.cost > maxCost || iv.length !== 12 || tag.length !== 16) {
    throw new AppError('invalid', `file ${path}: damaged; ask for it again`);
  }
  const key = await keyOf(passphrase, Buffer.from(file.salt, 'base64'), file.cost);
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: 16 });
  decipher.setAuthTag(tag);
  try {
    const data = decipher.update(Buffer.from(file.data, 'base64'));
    return Buffer.concat([data, decipher.final()]).toString('utf8');
  } catch (error) {
    throw new AppError('invalid', `file ${path}: wrong passphrase, or damaged`, { cause: error });
  }
}
