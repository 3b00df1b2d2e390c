import { deleteEngineAuthority } from '../certificates/engine-authority.js';
import type { MachineStore } from '../inventory/machine-store.js';
import { deleteConsulFiles } from '../provision/consul-files.js';

/** Deletes the credentials of a cluster whose record is gone. */
export async function deleteClusterFiles(store: MachineStore, cluster: string): Promise<void> {
  await deleteConsulFiles(store.home, cluster);
  await deleteEngineAuthority(store, cluster);
}
