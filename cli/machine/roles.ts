import { AppError, toAppError } from '../../manager/common/base/errors.js';
import type { NodeReady } from './batch.js';
import { Batch } from './batch.js';
import type { ClusterRecord } from '../inventory/cluster-record.js';
import {
  withConsulServer,
  withManager,
  withoutConsulServer,
  withoutManager,
} from '../inventory/cluster-record.js';
import { managerUrl } from './create.js';
import type { Progress } from '../output/machine-progress.js';
import type { MachineRecord } from '../inventory/record.js';
import { eventually } from '../provision/verify.js';
import type { Workshop } from './workshop.js';

interface Member {
  readonly record: MachineRecord;
  readonly cluster: ClusterRecord;
}

async function memberOf({ store }: Workshop, name: string): Promise<Member> {
  const record = await store.load(name);
  const { IsSwarm, Cluster } = record.HostOptions.SwarmOptions;
  const cluster = IsSwarm ? await store.findCluster(Cluster) : undefined;
  if (cluster === undefined) throw new AppError('invalid', `machine "${name}" is in no cluster`);
  return { record, cluster };
}

/** The record of a machine that runs a manager, or does no more. */
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

/** Changes a cluster's record; it must not lose its last manager. */
async function changeCluster(
  { store }: Workshop,
  name: string,
  change: (cluster: ClusterRecord) => ClusterRecord | undefined,
): Promise<void> {
  await store.updateCluster(name, (seen) => {
    if (seen === undefined) throw new AppError('not-found', `cluster "${name}" is not known`);
    const changed = change(seen);
    if (changed !== undefined) return changed;
    throw new AppError('conflict', `cluster "${name}" would have no manager left`);
  });
}

async function provision(
  workshop: Workshop,
  record: MachineRecord,
  work: { readonly progress: Progress; readonly nodeReady: NodeReady },
): Promise<void> {
  const batch = new Batch(workshop, work.progress, { renew: false, nodeReady: work.nodeReady });
  const [failure] = await batch.run([record]);
  if (failure !== undefined) throw toAppError(failure);
}

/** Makes a machine of a cluster one of its managers. */
export async function promote(
  workshop: Workshop,
  name: string,
  work: { readonly progress: Progress; readonly nodeReady: NodeReady },
): Promise<void> {
  const { record, cluster } = await memberOf(workshop, name);
  if (cluster.discovery === undefined) {
    throw new AppError(
      'conflict',
      `cluster "${cluster.name}" keeps its state in its one manager: several need a store that they share, "shoal machine create --swarm-discovery consul://…" makes such a cluster`,
    );
  }
  const { NodeID: nodeId } = record.HostOptions.SwarmOptions;
  const { IPAddress: address } = record.Driver;
  await changeCluster(workshop, cluster.name, (seen) =>
    withConsulServer(withManager(seen, { name, nodeId, url: managerUrl(record) }), {
      name,
      address,
    }),
  );
  await provision(workshop, withRole(record, true), work);
}

/** How long one that was ended may still count as alive, ms. */
const lingerMs = 15_000;

/** Ends the manager on a machine, which stays a worker. `forget` tells the cluster. */
export async function demote(
  workshop: Workshop,
  name: string,
  work: {
    readonly progress: Progress;
    readonly nodeReady: NodeReady;
    readonly forget: (cluster: string, nodeId: string) => Promise<void>;
  },
): Promise<void> {
  const { record, cluster } = await memberOf(workshop, name);
  assertManager({ record, cluster });
  // Before the machine is touched: afterwards nobody asks it any more.
  await changeCluster(workshop, cluster.name, (seen) => withoutManager(seen, name));
  await provision(workshop, withRole(record, false), work);
  const { NodeID: nodeId } = record.HostOptions.SwarmOptions;
  await eventually(lingerMs, workshop.signal, () => work.forget(cluster.name, nodeId));
}

/** Forgets a manager whose machine is gone for good. `forget` tells the cluster. */
export async function forgetManager(
  workshop: Workshop,
  name: string,
  forget: (cluster: string, nodeId: string) => Promise<void>,
): Promise<void> {
  const { record, cluster } = await memberOf(workshop, name);
  assertManager({ record, cluster });
  await forget(cluster.name, record.HostOptions.SwarmOptions.NodeID);
  await changeCluster(workshop, cluster.name, (seen) =>
    withoutManager(withoutConsulServer(seen, name), name),
  );
  await workshop.store.save(withRole(record, false));
}

/** One whose demotion did not come to its end still counts. */
function assertManager({ record, cluster }: Member): void {
  const { Name: name, HostOptions } = record;
  if (HostOptions.SwarmOptions.Master) return;
  if (cluster.managers.some((manager) => manager.name === name)) return;
  throw new AppError('not-found', `${name} is no manager of cluster "${cluster.name}"`);
}
