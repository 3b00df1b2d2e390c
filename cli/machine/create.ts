import { access } from 'node:fs/promises';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import { newId } from '../../manager/common/base/random.js';
import type { NodeReady } from './batch.js';
import { Batch } from './batch.js';
import type { ClusterRecord } from '../inventory/cluster-record.js';
import { withConsulServer, withManager, withoutManager } from '../inventory/cluster-record.js';
import { managerPort } from '../inventory/layout.js';
import {
  forgetConsulFiles,
  keepConsulFiles,
  newConsulSecrets,
  readNamedFiles,
} from '../provision/consul-files.js';
import type { CreateFlags } from './new-record.js';
import { discoveryOf, newRecords } from './new-record.js';
import { Progress } from '../output/machine-progress.js';
import type { MachineRecord } from '../inventory/record.js';
import { bracketed } from '../inventory/record.js';
import type { RemoteMachine } from '../ssh/remote-machine.js';
import type { Workshop } from './workshop.js';

/** Where the manager on a machine is reached. */
export function managerUrl(record: MachineRecord): string {
  return `https://${bracketed(record.Driver.IPAddress)}:${String(managerPort)}`;
}

/** Where the cluster of new machines stands: existing, or to be made with the first of them. */
async function clusterFor(
  workshop: Workshop,
  flags: CreateFlags,
  name: string,
): Promise<ClusterRecord | undefined> {
  if (!flags.swarm && !flags.swarmMaster) return undefined;
  const there = await workshop.store.findCluster(name);
  if (flags.swarmMaster) {
    const manager = there?.managers[0];
    if (there !== undefined && manager !== undefined) return extended(there, flags);
    const discovery = discoveryOf(flags);
    return {
      ...{ name, id: newId(), strategy: flags.swarmStrategy, managers: [] },
      ...(discovery === undefined ? {} : { discovery }),
    };
  }
  if (there !== undefined) return there;
  throw new AppError(
    'not-found',
    `cluster "${name}" has no manager yet: create it first with --swarm --swarm-master`,
  );
}

/** A machine that joins a cluster keeps its state where the cluster does. */
function ofCluster(record: MachineRecord, cluster: ClusterRecord | undefined): MachineRecord {
  if (cluster === undefined) return record;
  const { HostOptions } = record;
  const SwarmOptions = {
    ...HostOptions.SwarmOptions,
    Discovery: cluster.discovery ?? 'embedded',
  };
  return { ...record, HostOptions: { ...HostOptions, SwarmOptions } };
}

/** One more manager for a cluster there is. Throws `conflict` when it cannot have one. */
function extended(cluster: ClusterRecord, flags: CreateFlags): ClusterRecord {
  const wanted = discoveryOf(flags);
  if (wanted !== undefined && wanted !== cluster.discovery) {
    throw new AppError(
      'conflict',
      `cluster "${cluster.name}" keeps its state in ${cluster.discovery ?? 'its one manager'}, not in ${wanted}: leave out --swarm-discovery and --consul-server`,
    );
  }
  return cluster;
}

/** Throws when a name is taken; an unfinished machine at the same address is taken up again. */
async function reserve(workshop: Workshop, record: MachineRecord): Promise<MachineRecord> {
  const { store } = workshop;
  const there = await store.find(record.Name);
  const resumes =
    there !== undefined &&
    !there.Provisioned &&
    there.Driver.IPAddress === record.Driver.IPAddress &&
    there.HostOptions.SwarmOptions.Cluster === record.HostOptions.SwarmOptions.Cluster;
  if (!resumes) {
    await store.reserve(record.Name);
    return record;
  }
  const swarm = { ...record.HostOptions.SwarmOptions };
  const NodeID = there.HostOptions.SwarmOptions.NodeID || swarm.NodeID;
  return {
    ...record,
    Driver: { ...record.Driver, SSHHostKey: there.Driver.SSHHostKey },
    HostOptions: { ...record.HostOptions, SwarmOptions: { ...swarm, NodeID } },
  };
}

async function joinCluster(
  workshop: Workshop,
  cluster: ClusterRecord,
  master: MachineRecord,
  replaced: ClusterRecord | undefined,
): Promise<void> {
  const { store } = workshop;
  await store.updateCluster(cluster.name, (seen) => {
    const { NodeID: nodeId } = master.HostOptions.SwarmOptions;
    const manager = { name: master.Name, nodeId, url: managerUrl(master) };
    if (replaced !== undefined) return { ...(seen ?? cluster), managers: [manager] };
    const other = seen?.managers.find(({ name }) => name !== master.Name);
    if (other !== undefined && seen?.discovery === undefined) {
      throw new AppError(
        'conflict',
        `cluster "${cluster.name}" already has its manager on ${other.name}, and a cluster without Consul has one: leave out --swarm-master, or name another cluster with --cluster`,
      );
    }
    const machine = { name: master.Name, address: master.Driver.IPAddress };
    return withConsulServer(withManager(seen ?? cluster, manager), machine);
  });
  const current = await store.currentCluster();
  if (current === undefined || (await store.findCluster(current)) === undefined) {
    await store.setCurrentCluster(cluster.name);
  }
}

/** What the cluster's Consul needs, kept before the first machine asks for it. */
async function keepConsul(
  workshop: Workshop,
  cluster: ClusterRecord,
  masters: readonly MachineRecord[],
  flags: CreateFlags,
): Promise<void> {
  const { store } = workshop;
  const { consulToken: token, consulCa: ca, consulCert: cert, consulKey: key } = flags;
  const named = await readNamedFiles({ token, ca, cert, key });
  await keepConsulFiles(store.home, cluster.name, named);
  if (flags.consulServer !== true || (await store.findCluster(cluster.name)) !== undefined) return;
  await keepConsulFiles(store.home, cluster.name, { ...newConsulSecrets(), ...named });
  const consulServers = masters.map(({ Name: name, Driver }) => ({
    name,
    address: Driver.IPAddress,
  }));
  await store.updateCluster(cluster.name, (seen) => seen ?? { ...cluster, consulServers });
}

async function takeBack(
  workshop: Workshop,
  record: MachineRecord,
  replaced: ClusterRecord | undefined,
): Promise<void> {
  const { store } = workshop;
  const { Cluster: cluster, Master } = record.HostOptions.SwarmOptions;
  if (Master && replaced !== undefined) {
    await store.updateCluster(cluster, () => replaced);
  } else if (Master) {
    await store.updateCluster(cluster, (seen) =>
      seen === undefined ? undefined : withoutManager(seen, record.Name),
    );
    const gone = (await store.findCluster(cluster)) === undefined;
    if (gone) await forgetConsulFiles(store.home, cluster);
    if (gone && (await store.currentCluster()) === cluster)
      await store.setCurrentCluster(undefined);
  }
  await store.forget(record.Name);
}

/**
 * Creates machines. What fails before a machine was changed leaves no record; what fails later leaves
 * one that `create` or `provision` takes up again. Returns the failures.
 */
export async function createMachines(
  workshop: Workshop,
  names: readonly string[],
  flags: CreateFlags,
  membership: {
    readonly cluster: string;
    readonly nodeReady: NodeReady;
    /** The cluster whose lost manager the first machine replaces. */
    readonly replaced?: ClusterRecord;
  },
): Promise<readonly unknown[]> {
  const { store } = workshop;
  const { replaced } = membership;
  const inCluster = flags.swarm || flags.swarmMaster;
  const wanted = newRecords(
    names,
    flags,
    inCluster ? { cluster: membership.cluster, newId } : undefined,
  );
  const cluster = await clusterFor(workshop, flags, membership.cluster);
  const placed = wanted.map((record) => ofCluster(record, cluster));
  if (flags.genericSshKey !== undefined) await checkKey(flags.genericSshKey);
  const reserved: MachineRecord[] = [];
  try {
    for (const record of placed) reserved.push(await reserve(workshop, record));
    const masters = reserved.filter((record) => record.HostOptions.SwarmOptions.Master);
    if (cluster !== undefined) {
      await keepConsul(workshop, cluster, masters, flags);
      for (const master of masters) await joinCluster(workshop, cluster, master, replaced);
    }
    for (const [index, record] of reserved.entries()) {
      reserved[index] = await withKey(workshop, record, flags.genericSshKey);
    }
  } catch (error) {
    for (const record of reserved) await withdrawUnsaved(workshop, record, replaced);
    throw error;
  }
  if (flags.driver === 'none') {
    for (const record of reserved) await store.save(record);
    return [];
  }
  const progress = new Progress(process.stdout, flags.progress);
  try {
    const pin = async (record: MachineRecord, machine: RemoteMachine): Promise<MachineRecord> =>
      Promise.resolve({
        ...record,
        Driver: { ...record.Driver, SSHHostKey: machine.session.hostKey },
      });
    const { nodeReady } = membership;
    const batch = new Batch(workshop, progress, { renew: false, nodeReady });
    return await batch.run(reserved, pin);
  } finally {
    progress.close();
    for (const record of reserved) await withdrawUnsaved(workshop, record, replaced);
  }
}

/** A machine without a saved record was never changed: nothing of it is kept. */
async function withdrawUnsaved(
  workshop: Workshop,
  record: MachineRecord,
  replaced: ClusterRecord | undefined,
): Promise<void> {
  if ((await workshop.store.find(record.Name)) !== undefined) return;
  await takeBack(workshop, record, replaced);
}

async function checkKey(path: string): Promise<void> {
  await access(path).catch((error: unknown) => {
    throw new AppError('invalid', `ssh key ${path}: ${messageOf(error)}`, { cause: error });
  });
}

async function withKey(
  workshop: Workshop,
  record: MachineRecord,
  keyPath: string | undefined,
): Promise<MachineRecord> {
  if (keyPath === undefined) return record;
  const SSHKeyPath = await workshop.store.keepKey(record.Name, keyPath);
  return { ...record, Driver: { ...record.Driver, SSHKeyPath } };
}
