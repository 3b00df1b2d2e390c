import { readFile, writeFile } from 'node:fs/promises';
import { decodeJson, nonEmptyString, object } from '../../manager/common/base/decode.js';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { LocalClusterRecord } from '../inventory/cluster-record.js';
import { clusterRecordFields } from '../inventory/cluster-record.js';
import { openText, sealText } from './sealed-file.js';

/** Record and certificate with which another computer uses a cluster as a client. */
export interface ClientBundle {
  readonly cluster: LocalClusterRecord;
  /** Name of the client. */
  readonly client: string;
  /** Root CA; certificate of the client and of its authority; its private key. PEM. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const bundle = object<ClientBundle>({
  cluster: clusterRecordFields,
  client: nonEmptyString,
  ca: nonEmptyString,
  cert: nonEmptyString,
  key: nonEmptyString,
});

/** Writes a new file, encrypted with the passphrase. Throws `conflict` if the file exists. */
export async function writeClientFile(
  path: string,
  content: ClientBundle,
  passphrase: string,
): Promise<void> {
  const sealed = await sealText(JSON.stringify(content), passphrase);
  try {
    await writeFile(path, sealed, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new AppError('conflict', `file ${path}: cannot be written: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Reads a file that `writeClientFile` wrote. */
export async function readClientFile(path: string, passphrase: string): Promise<ClientBundle> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError('not-found', `file ${path}: cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return decodeJson(await openText(content, passphrase, path), bundle, `file ${path}`);
}
