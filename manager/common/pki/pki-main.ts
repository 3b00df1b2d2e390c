import { realpathSync } from 'node:fs';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { AppError, isAppError, messageOf } from '../base/errors.js';
import type { PeerIdentity } from './pki.js';
import { createPrivateKey, createRequest, signNode, validFor } from './pki.js';

/*
 * A program of its own, run on a machine over SSH while it is provisioned: one JSON order on
 * standard input, one JSON answer on standard output. Keys are made where they are used, only
 * requests and certificates travel.
 */

export type PkiOrder =
  | {
      readonly op: 'requests';
      readonly keys: readonly { readonly keyPath: string; readonly commonName: string }[];
    }
  | {
      readonly op: 'sign';
      readonly authority: { readonly certPath: string; readonly keyPath: string };
      readonly nodes: readonly {
        readonly request: string;
        readonly identity: PeerIdentity;
        readonly alternativeNames: readonly string[];
        readonly days: number;
      }[];
    };

/** Requests or certificate chains, in the order asked. */
export interface PkiAnswer {
  readonly pems: readonly string[];
}

/** The key at this path, made with mode 0600 when it is not there. */
async function keyAt(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const key = await createPrivateKey();
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const partial = `${path}.new`;
  const file = await open(partial, 'w', 0o600);
  try {
    await file.writeFile(key);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, path);
  return key;
}

/** Carries one order out. Throws `invalid` for an order it does not know. */
export async function carryOut(order: PkiOrder, now: Date): Promise<PkiAnswer> {
  switch (order.op) {
    case 'requests':
      return {
        pems: await Promise.all(
          order.keys.map(async ({ keyPath, commonName }) =>
            createRequest(await keyAt(keyPath), commonName),
          ),
        ),
      };
    case 'sign': {
      const authority = {
        cert: await readFile(order.authority.certPath, 'utf8'),
        key: await readFile(order.authority.keyPath, 'utf8'),
      };
      const pems = order.nodes.map(({ days, ...node }) =>
        signNode(authority, { ...node, validity: validFor(now, days) }),
      );
      return { pems: await Promise.all(pems) };
    }
    default:
      throw new AppError('invalid', `unknown pki order ${JSON.stringify(order)}`);
  }
}

async function main(): Promise<void> {
  try {
    const order = JSON.parse(await text(process.stdin)) as PkiOrder;
    process.stdout.write(JSON.stringify(await carryOut(order, new Date())));
  } catch (error) {
    process.stderr.write(`${isAppError(error) ? error.message : messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

/** Whether this file was started, not imported; it is started through a symbolic link. */
function isStarted(): boolean {
  const entry = process.argv[1];
  return entry !== undefined && import.meta.url === pathToFileURL(realpathSync(entry)).href;
}

if (isStarted()) await main();
