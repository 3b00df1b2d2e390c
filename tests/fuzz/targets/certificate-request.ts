import { generateKeyPair, sign, type KeyPairKeyObjectResult } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isAppError } from '../../../manager/common/base/errors.js';
import { readCertificateRequest } from '../../../manager/common/pki/certificate-request.js';
import { below, mutate, pick, randomBytes } from '../mutate.js';
import type { FuzzTarget } from '../target.js';

/** The check of certificate requests, with changed requests for keys of every supported type. */
export const target: FuzzTarget = {
  async run({ random, isOver, record, answered }) {
    const requests = await validRequests();
    while (!isOver()) {
      const input = anyRequest(random, requests);
      record(Buffer.from(input));
      try {
        await readCertificateRequest(input);
        answered();
      } catch (error) {
        if (!isAppError(error) || error.kind !== 'invalid') throw error;
      }
      await nextTurn();
    }
  },
};

/** DER of requests for RSA keys of 2048 and 4096 bits, P-256 and P-384. */
async function validRequests(): Promise<readonly [Buffer, ...Buffer[]]> {
  const generate = promisify(generateKeyPair);
  const [short, long, small, large] = await Promise.all([
    generate('rsa', { modulusLength: 2048 }),
    generate('rsa', { modulusLength: 4096 }),
    generate('ec', { namedCurve: 'P-256' }),
    generate('ec', { namedCurve: 'P-384' }),
  ]);
  return [
    requestOf(short, 'sha256', '2a864886f70d01010b'),
    requestOf(long, 'sha512', '2a864886f70d01010d'),
    requestOf(small, 'sha256', '2a8648ce3d040302'),
    requestOf(large, 'sha384', '2a8648ce3d040303'),
  ];
}

/** A signed request; `algorithm` is the object identifier of the signature. */
function requestOf(
  { privateKey, publicKey }: KeyPairKeyObjectResult,
  digest: string,
  algorithm: string,
): Buffer {
  const key = publicKey.export({ type: 'spki', format: 'der' });
  const info = der(0x30, der(0x02, Buffer.from([0])), der(0x30), key, der(0xa0));
  const signature = der(0x03, Buffer.from([0]), sign(digest, info, privateKey));
  return der(0x30, info, der(0x30, der(0x06, Buffer.from(algorithm, 'hex'))), signature);
}

/** One element of DER, of less than 64 KiB. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function pem(bytes: Buffer): string {
  const text = bytes.toString('base64').replaceAll(/.{64}/gu, '$&\n');
  return `-----BEGIN CERTIFICATE REQUEST-----\n${text}\n-----END CERTIFICATE REQUEST-----\n`;
}

/** Replaces the content of a random element of DER by one of another length. */
function resized(random: () => number, bytes: Buffer): Buffer {
  const at = below(random, Math.max(1, bytes.length - 2));
  const size = pick(random, [0, 1, 127, 128, 255, 1_024, 6_000] as const);
  const tag = pick(random, [0x02, 0x03, 0x04, 0x05, 0x06, 0x30, 0x31, 0xa0] as const);
  const head = Buffer.from([tag, 0x82, size >> 8, size & 0xff]);
  return Buffer.concat([
    bytes.subarray(0, at),
    head,
    randomBytes(random, size),
    bytes.subarray(at),
  ]);
}

function anyRequest(random: () => number, requests: readonly [Buffer, ...Buffer[]]): string {
  const valid = pick(random, requests);
  const kind = random();
  if (kind < 0.05) return pem(valid);
  if (kind < 0.7) return pem(mutate(random, valid));
  if (kind < 0.85) return pem(resized(random, valid));
  if (kind < 0.95) return mutate(random, Buffer.from(pem(valid))).toString('latin1');
  return pem(randomBytes(random, below(random, 12_000)));
}
