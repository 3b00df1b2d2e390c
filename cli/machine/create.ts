import { access } from 'node:fs/promises';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import { newId } from '../../manager/common/base/random.js';
import type { NodeReady } from './provision-batch.js';
import { ProvisionBatch } from './provision-batch.js';
import type { LocalClusterRecord } from '../inventory/cluster-record.js';
import {
  withConsulServer,
  withClusterManager,
  withoutClusterManager,
} from '../inventory/cluster-record.js';
import { managerPort } from '../inventory/remote-paths.js';
import {
  saveConsulFiles,
  newConsulSecrets,
  readConsulFlagFiles,
} from '../provision/consul-files.js';
import type { CreateFlags } from './new-record.js';
import { confirmOnTerminal } from '../output/confirm.js';
import { pinHostKeys } from './pin-host-keys.js';
import { consulTokenWarning } from './consul-token-warning.js';
import { discoveryFromFlags, strategyFromFlags, newRecords } from './new-record.js';
import { sshPlaces } from './ssh-places.js';
import { ProvisionProgress } from '../output/machine-progress.js';
import type { MachineRecord } from '../inventory/machine-record.js';
import { bracketIpv6 } from '../inventory/machine-record.js';
import { deleteClusterFiles } from './delete-cluster-files.js';
import type { ProvisionContext } from './provision-context.js';

/** `https://ADDRESS:7070` of the manager on a machine. */
export function managerUrl(record: MachineRecord): string {
  return `https://${bracketIpv6(record.Driver.IPAddress)}:${String(managerPort)}`;
}

/**
 * The cluster the new machines join: the existing one, or a new one with --swarm-master. Undefined
 * without a cluster; throws `not-found` for workers of an unknown cluster.
 */
async function clusterFor(
  provisioning: ProvisionContext,
  flags: CreateFlags,
  name: string,
): Promise<LocalClusterRecord | undefined> {
  if (!flags.swarm && !flags.swarmMaster) return undefined;
  const existing = await provisioning.store.findCluster(name);
  if (flags.swarmMaster) {
    const manager = existing?.managers[0];
    if (existing !== undefined && manager !== undefined) return checkSameStore(existing, flags);
    const discovery = discoveryFromFlags(flags);
    return {
      name,
      id: newId(),
      strategy: strategyFromFlags(flags),
      managers: [],
      ...(discovery === undefined ? {} : { discovery }),
    };
  }
  if (existing !== undefined) return existing;
  throw new AppError(
    'not-found',
    `cluster "${name}" has no manager; create one first with --swarm --swarm-master`,
  );
}

/** The record with the cluster's store as its discovery address. */
function withDiscovery(
  record: MachineRecord,
  cluster: LocalClusterRecord | undefined,
): MachineRecord {
  if (cluster === undefined) return record;
  const { HostOptions } = record;
  const SwarmOptions = {
    ...HostOptions.SwarmOptions,
    Discovery: cluster.discovery ?? 'embedded',
  };
  return { ...record, HostOptions: { ...HostOptions, SwarmOptions } };
}

/** Returns the cluster; throws `conflict` if the flags name another store. */
function checkSameStore(cluster: LocalClusterRecord, flags: CreateFlags): LocalClusterRecord {
  const wanted = discoveryFromFlags(flags);
  if (wanted !== undefined && wanted !== cluster.discovery) {
    throw new AppError(
      'conflict',
      `cluster "${cluster.name}" stores its state in ${cluster.discovery ?? 'its single manager'}, not in ${wanted}; omit --swarm-discovery and --consul-server`,
    );
  }
  return cluster;
}

/**
 * Reserves the machine's name. An unfinished machine of the same name, address and cluster is
 * resumed; throws `conflict` if the name is taken otherwise.
 */
async function reserve(
  provisioning: ProvisionContext,
  record: MachineRecord,
): Promise<MachineRecord> {
  const { store } = provisioning;
  const existing = await store.find(record.Name);
  const resumes =
    existing !== undefined &&
    !existing.Provisioned &&
    existing.Driver.IPAddress === record.Driver.IPAddress &&
    existing.HostOptions.SwarmOptions.Cluster === record.HostOptions.SwarmOptions.Cluster;
  if (!resumes) {
    await store.reserve(record.Name);
    return record;
  }
  const swarm = { ...record.HostOptions.SwarmOptions };
  const NodeID = existing.HostOptions.SwarmOptions.NodeID || swarm.NodeID;
  return {
    ...record,
    Driver: { ...record.Driver, ...pinOf(existing) },
    HostOptions: { ...record.HostOptions, SwarmOptions: { ...swarm, NodeID } },
  };
}

function pinOf({ Driver }: MachineRecord) {
  const { SSHHostKey, SSHPublicHostKey } = Driver;
  return { SSHHostKey, ...(SSHPublicHostKey === undefined ? {} : { SSHPublicHostKey }) };
}

async function joinCluster(
  provisioning: ProvisionContext,
  cluster: LocalClusterRecord,
  master: MachineRecord,
  replaced: LocalClusterRecord | undefined,
): Promise<void> {
  const { store } = provisioning;
  await store.updateCluster(cluster.name, (seen) => {
    const { NodeID: nodeId } = master.HostOptions.SwarmOptions;
    const manager = { name: master.Name, nodeId, url: managerUrl(master) };
    if (replaced !== undefined) return { ...(seen ?? cluster), managers: [manager] };
    const other = seen?.managers.find(({ name }) => name !== master.Name);
    if (other !== undefined && seen?.discovery === undefined) {
      throw new AppError(
        'conflict',
        `cluster "${cluster.name}" already has a manager on ${other.name}, and without Consul a cluster allows a single manager; omit --swarm-master, or name another cluster with --cluster`,
      );
    }
    const machine = { name: master.Name, address: master.Driver.IPAddress };
    return withConsulServer(withClusterManager(seen ?? cluster, manager), machine);
  });
  const current = await store.currentCluster();
  if (current === undefined || (await store.findCluster(current)) === undefined) {
    await store.setCurrentCluster(cluster.name);
  }
}

/** Saves Consul's credentials and servers with the cluster before the first machine needs them. */
async function saveConsul(
  provisioning: ProvisionContext,
  cluster: LocalClusterRecord,
  masters: readonly MachineRecord[],
  flags: CreateFlags,
): Promise<void> {
  const { store } = provisioning;
  const { consulToken: token, consulCa: ca, consulCert: cert, consulKey: key } = flags;
  const named = await readConsulFlagFiles({ token, ca, cert, key });
  await saveConsulFiles(store.home, cluster.name, named);
  if (flags.consulServer !== true || (await store.findCluster(cluster.name)) !== undefined) return;
  const secrets = await newConsulSecrets(cluster.name);
  await saveConsulFiles(store.home, cluster.name, { ...secrets, ...named });
  const consulServers = masters.map(({ Name: name, Driver }) => ({
    name,
    address: Driver.IPAddress,
  }));
  await store.updateCluster(
    cluster.name,
    (seen) => seen ?? { ...cluster, consulServers, consulTrust: 'own' },
  );
}

/** Reverts the store's changes for a machine that was not created. */
async function rollBack(
  provisioning: ProvisionContext,
  record: MachineRecord,
  replaced: LocalClusterRecord | undefined,
): Promise<void> {
  const { store } = provisioning;
  const { Cluster: cluster, Master } = record.HostOptions.SwarmOptions;
  if (Master && replaced !== undefined) {
    await store.updateCluster(cluster, () => replaced);
  } else if (Master) {
    await store.updateCluster(cluster, (seen) =>
      seen === undefined ? undefined : withoutClusterManager(seen, record.Name),
    );
    const gone = (await store.findCluster(cluster)) === undefined;
    if (gone) await deleteClusterFiles(store, cluster);
    if (gone && (await store.currentCluster()) === cluster)
      await store.setCurrentCluster(undefined);
  }
  await store.forget(record.Name);
}

/**
 * Creates machines concurrently and returns the failures. A failure before the first change to a
 * machine leaves no record; a later one leaves a record that `create` or `provision` resumes.
 */
export async function createMachines(
  provisioning: ProvisionContext,
  names: readonly string[],
  flags: CreateFlags,
  membership: {
    readonly cluster: string;
    readonly nodeReady: NodeReady;
    /** With --restore: the cluster whose lost manager the first machine replaces. */
    readonly replaced?: LocalClusterRecord;
  },
): Promise<readonly unknown[]> {
  const { store } = provisioning;
  const { replaced } = membership;
  const inCluster = flags.swarm || flags.swarmMaster;
  const wanted = newRecords(
    names,
    flags,
    inCluster ? { cluster: membership.cluster, newId } : undefined,
    flags.driver === 'generic' ? await sshPlaces(provisioning, flags) : undefined,
  );
  const cluster = await clusterFor(provisioning, flags, membership.cluster);
  const placed = wanted.map((record) => withDiscovery(record, cluster));
  const warning = consulTokenWarning(flags);
  if (warning !== undefined) process.stderr.write(`${warning}\n`);
  if (flags.genericSshKey !== undefined) await checkKey(flags.genericSshKey);
  const reserved: MachineRecord[] = [];
  try {
    for (const record of placed) reserved.push(await reserve(provisioning, record));
    const masters = reserved.filter((record) => record.HostOptions.SwarmOptions.Master);
    if (cluster !== undefined) {
      await saveConsul(provisioning, cluster, masters, flags);
      for (const master of masters) await joinCluster(provisioning, cluster, master, replaced);
    }
    for (const [index, record] of reserved.entries()) {
      reserved[index] = await withKey(provisioning, record, flags.genericSshKey);
    }
  } catch (error) {
    for (const record of reserved) await withdrawUnsaved(provisioning, record, replaced);
    throw error;
  }
  if (flags.driver === 'none') {
    for (const record of reserved) await store.save(record);
    return [];
  }
  const { pinned, failures } = await pinHostKeys(provisioning, reserved, flags, {
    isTerminal: process.stdin.isTTY,
    confirm: confirmOnTerminal,
    say: (line) => process.stderr.write(`${line}\n`),
  });
  const progress = new ProvisionProgress(process.stdout, flags.progress);
  try {
    const { nodeReady } = membership;
    const batch = new ProvisionBatch(provisioning, progress, { renew: false, nodeReady });
    return [...failures, ...(await batch.run(pinned))];
  } finally {
    progress.close();
    for (const record of reserved) await withdrawUnsaved(provisioning, record, replaced);
  }
}

/** Rolls back a machine without a saved record: it was never changed. */
async function withdrawUnsaved(
  provisioning: ProvisionContext,
  record: MachineRecord,
  replaced: LocalClusterRecord | undefined,
): Promise<void> {
  if ((await provisioning.store.find(record.Name)) !== undefined) return;
  await rollBack(provisioning, record, replaced);
}

async function checkKey(path: string): Promise<void> {
  await access(path).catch((error: unknown) => {
    throw new AppError('invalid', `ssh key ${path}: ${messageOf(error)}`, { cause: error });
  });
}

async function withKey(
  provisioning: ProvisionContext,
  record: MachineRecord,
  keyPath: string | undefined,
): Promise<MachineRecord> {
  if (keyPath === undefined) return record;
  const SSHKeyPath = await provisioning.store.copyKey(record.Name, keyPath);
  return { ...record, Driver: { ...record.Driver, SSHKeyPath } };
}
