import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientCredentials } from './engine-client.js';
import { MachineStore, resolveStoreFolder } from './machine-store.js';
import type { MachineGlobals } from './machine-globals.js';

/** docker-machine's default machine name. */
export const defaultMachine = 'default';

export function openMachineStore(options: MachineGlobals): MachineStore {
  return new MachineStore(resolveStoreFolder(options.storagePath, process.env));
}

/** Reads the user's client certificate; undefined if the store has none yet. */
export async function readCredentials(store: MachineStore): Promise<ClientCredentials | undefined> {
  const read = async (file: string): Promise<string> =>
    readFile(join(store.certsFolder, file), 'utf8');
  try {
    const [ca, cert, key] = await Promise.all([read('ca.pem'), read('cert.pem'), read('key.pem')]);
    return { ca, cert, key };
  } catch {
    return undefined;
  }
}
