import { AppError, toAppError } from '../../manager/common/base/errors.js';
import type { NodeReady } from './provision-batch.js';
import { ProvisionBatch } from './provision-batch.js';
import type { LocalClusterRecord } from '../inventory/cluster-record.js';
import {
  withConsulServer,
  withClusterManager,
  withoutConsulServer,
  withoutClusterManager,
} from '../inventory/cluster-record.js';
import { managerUrl } from './create.js';
import type { ProvisionProgress } from '../output/machine-progress.js';
import type { MachineRecord } from '../inventory/machine-record.js';
import { retryUntil } from '../provision/verify.js';
import type { ProvisionContext } from './provision-context.js';

interface Member {
  readonly record: MachineRecord;
  readonly cluster: LocalClusterRecord;
}

async function memberOf({ store }: ProvisionContext, name: string): Promise<Member> {
  const record = await store.load(name);
  const { IsSwarm, Cluster } = record.HostOptions.SwarmOptions;
  const cluster = IsSwarm ? await store.findCluster(Cluster) : undefined;
  if (cluster === undefined) throw new AppError('invalid', `machine "${name}" is not in a cluster`);
  return { record, cluster };
}

/** The record with the manager role set or cleared. */
export function withRole(record: MachineRecord, isManager: boolean): MachineRecord {
  const { Driver, HostOptions } = record;
  return {
    ...record,
    Driver: { ...Driver, SwarmMaster: isManager },
    HostOptions: {
      ...HostOptions,
      SwarmOptions: { ...HostOptions.SwarmOptions, Master: isManager },
    },
  };
}

/**
 * Changes a cluster's record. Throws `not-found` for an unknown cluster, `conflict` if it would
 * lose its last manager.
 */
async function changeCluster(
  { store }: ProvisionContext,
  name: string,
  change: (cluster: LocalClusterRecord) => LocalClusterRecord | undefined,
): Promise<void> {
  await store.updateCluster(name, (seen) => {
    if (seen === undefined) throw new AppError('not-found', `cluster "${name}" not found`);
    const changed = change(seen);
    if (changed !== undefined) return changed;
    throw new AppError('conflict', `cluster "${name}" would lose its last manager`);
  });
}

async function provision(
  provisioning: ProvisionContext,
  record: MachineRecord,
  work: { readonly progress: ProvisionProgress; readonly nodeReady: NodeReady },
): Promise<void> {
  const batch = new ProvisionBatch(provisioning, work.progress, {
    renew: false,
    nodeReady: work.nodeReady,
  });
  const [failure] = await batch.run([record]);
  if (failure !== undefined) throw toAppError(failure);
}

/**
 * Promotes a worker machine to manager. Throws `conflict` for a cluster with the embedded store,
 * which allows a single manager.
 */
export async function promote(
  provisioning: ProvisionContext,
  name: string,
  work: { readonly progress: ProvisionProgress; readonly nodeReady: NodeReady },
): Promise<void> {
  const { record, cluster } = await memberOf(provisioning, name);
  if (cluster.discovery === undefined) {
    throw new AppError(
      'conflict',
      `cluster "${cluster.name}" uses the embedded store and allows a single manager; create a cluster with a shared store: "shoal machine create --swarm-discovery consul://…"`,
    );
  }
  const { NodeID: nodeId } = record.HostOptions.SwarmOptions;
  const { IPAddress: address } = record.Driver;
  await changeCluster(provisioning, cluster.name, (seen) =>
    withConsulServer(withClusterManager(seen, { name, nodeId, url: managerUrl(record) }), {
      name,
      address,
    }),
  );
  await provision(provisioning, withRole(record, true), work);
}

/** Upper bound for the time a stopped manager still counts as alive, ms. */
const managerExpiryMs = 15_000;

/** Demotes a manager machine to worker. `forget` removes the manager from the cluster. */
export async function demote(
  provisioning: ProvisionContext,
  name: string,
  work: {
    readonly progress: ProvisionProgress;
    readonly nodeReady: NodeReady;
    readonly forget: (cluster: string, nodeId: string) => Promise<void>;
  },
): Promise<void> {
  const { record, cluster } = await memberOf(provisioning, name);
  assertManager({ record, cluster });
  // The record changes first, so that no client uses the manager while it is being removed.
  await changeCluster(provisioning, cluster.name, (seen) => withoutClusterManager(seen, name));
  await provision(provisioning, withRole(record, false), work);
  const { NodeID: nodeId } = record.HostOptions.SwarmOptions;
  await retryUntil(managerExpiryMs, provisioning.signal, () => work.forget(cluster.name, nodeId));
}

/** Removes a manager whose machine is lost. `forget` removes the manager from the cluster. */
export async function forgetManager(
  provisioning: ProvisionContext,
  name: string,
  forget: (cluster: string, nodeId: string) => Promise<void>,
): Promise<void> {
  const { record, cluster } = await memberOf(provisioning, name);
  assertManager({ record, cluster });
  await forget(cluster.name, record.HostOptions.SwarmOptions.NodeID);
  await changeCluster(provisioning, cluster.name, (seen) =>
    withoutClusterManager(withoutConsulServer(seen, name), name),
  );
  await provisioning.store.save(withRole(record, false));
}

/** A machine whose demotion was interrupted still counts as a manager, so it can be retried. */
function assertManager({ record, cluster }: Member): void {
  const { Name: name, HostOptions } = record;
  if (HostOptions.SwarmOptions.Master) return;
  if (cluster.managers.some((manager) => manager.name === name)) return;
  throw new AppError('not-found', `${name} is not a manager of cluster "${cluster.name}"`);
}
