import { realpathSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { array, decodeJson, number, object, oneOf, string, tagged } from '../base/decode.js';
import { isAppError, messageOf } from '../base/errors.js';
import type { PeerIdentity } from './pki.js';
import { createPrivateKey, createRequest, signNode, validityFor } from './pki.js';

/*
 * Standalone program, run on a machine over SSH during provisioning: reads one JSON order from
 * standard input and writes one JSON answer to standard output. Private keys are generated on the
 * machine that uses them; only requests and certificates are transferred.
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

/** Requests or certificate chains (PEM), in the order of the input. */
export interface PkiAnswer {
  readonly pems: readonly string[];
}

type OrderOf<Op> = Omit<Extract<PkiOrder, { readonly op: Op }>, 'op'>;

const pkiOrder = tagged<'op', PkiOrder>('op', {
  requests: object<OrderOf<'requests'>>({
    keys: array(object({ keyPath: string, commonName: string })),
  }),
  sign: object<OrderOf<'sign'>>({
    authority: object({ certPath: string, keyPath: string }),
    nodes: array(
      object({
        request: string,
        identity: object<PeerIdentity>({
          clusterId: string,
          role: oneOf('worker', 'manager', 'client'),
          nodeId: string,
        }),
        alternativeNames: array(string),
        days: number,
      }),
    ),
  }),
});

/** Throws `invalid` that names the bad field, also for an unknown operation. */
export function decodePkiOrder(json: string): PkiOrder {
  return decodeJson(json, pkiOrder, 'pki: order');
}

/** Reads the key at this path; generates it with mode 0600 if it does not exist. */
async function ensureKey(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const key = await createPrivateKey();
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const partial = `${path}.new`;
  // A leftover may be a link that another user of the folder placed.
  await rm(partial, { force: true });
  const file = await open(partial, 'wx', 0o600);
  try {
    await file.writeFile(key);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, path);
  return key;
}

/** Executes one order. */
export async function runPkiOrder(order: PkiOrder, now: Date): Promise<PkiAnswer> {
  switch (order.op) {
    case 'requests':
      return {
        pems: await Promise.all(
          order.keys.map(async ({ keyPath, commonName }) =>
            createRequest(await ensureKey(keyPath), commonName),
          ),
        ),
      };
    case 'sign': {
      const authority = {
        cert: await readFile(order.authority.certPath, 'utf8'),
        key: await readFile(order.authority.keyPath, 'utf8'),
      };
      const pems = order.nodes.map(({ days, ...node }) =>
        signNode(authority, { ...node, validity: validityFor(now, days) }),
      );
      return { pems: await Promise.all(pems) };
    }
  }
}

async function main(): Promise<void> {
  try {
    const order = decodePkiOrder(await text(process.stdin));
    process.stdout.write(JSON.stringify(await runPkiOrder(order, new Date())));
  } catch (error) {
    process.stderr.write(`${isAppError(error) ? error.message : messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

/** True if this file is the entry point, not imported. It is started through a symbolic link. */
function isEntryPoint(): boolean {
  const entry = process.argv[1];
  return entry !== undefined && import.meta.url === pathToFileURL(realpathSync(entry)).href;
}

if (isEntryPoint()) await main();
