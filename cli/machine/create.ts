import { access } from 'node:fs/promises';
import { AppError, messageOf } from '../../manager/base/errors.js';
import { newId } from '../../manager/base/random.js';
import type { ClusterRecord } from './cluster-record.js';
import { withManager, withoutManager } from './cluster-record.js';
import type { EngineVersion } from './engine-client.js';
import type { SignNodes } from './issue-certificates.js';
import { signOnManager } from './issue-certificates.js';
import { managerPort } from './layout.js';
import type { CreateFlags } from './new-record.js';
import { newRecords } from './new-record.js';
import { Progress } from './progress.js';
import type { MachineProgress } from './progress.js';
import { provision } from './provision.js';
import type { MachineRecord } from './record.js';
import { bracketed, engineUrl } from './record.js';
import type { RemoteMachine } from './remote-machine.js';
import type { Membership } from './settings-files.js';
import type { Workshop } from './workshop.js';

/** How long a machine may take to let us in: it may still be booting. */
const patienceMs = 15_000;

function managerUrl(record: MachineRecord): string {
  return `https://${bracketed(record.Driver.IPAddress)}:${String(managerPort)}`;
}

function membershipOf(record: MachineRecord, cluster: ClusterRecord): Membership {
  return {
    clusterId: cluster.id,
    clusterName: cluster.name,
    nodeId: record.HostOptions.SwarmOptions.NodeID,
    role: record.HostOptions.SwarmOptions.Master ? 'manager' : 'worker',
    strategy: cluster.strategy,
    managers: cluster.managers.map(({ url }) => new URL(url).host),
  };
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
    if (there !== undefined && manager !== undefined) return there;
    return { name, id: newId(), strategy: flags.swarmStrategy, managers: [] };
  }
  if (there !== undefined) return there;
  throw new AppError(
    'not-found',
    `cluster "${name}" has no manager yet: create it first with --swarm --swarm-master`,
  );
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

function withResolvers(): PromiseWithResolvers {
  let resolve: () => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<void>((res, rej) => {
    resolve = res;
    reject = rej;
  });
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

/** Provisions machines at the same time; the manager that signs for the others may be one of them. */
export class Batch {
  readonly #workshop: Workshop;
  readonly #progress: Progress;
  readonly #renew: boolean;
  /** Settles when the manager's machine of this batch can sign, or failed. */
  #signer: PromiseWithResolvers | undefined;
  #managerMachine: Promise<RemoteMachine> | undefined;
  #signing: Promise<unknown> = Promise.resolve();

  constructor(workshop: Workshop, progress: Progress, renew = false) {
    this.#workshop = workshop;
    this.#progress = progress;
    this.#renew = renew;
  }

  /** Provisions all; rejects nothing, returns each one's failure. */
  async run(
    records: readonly MachineRecord[],
    prepare?: (record: MachineRecord, machine: RemoteMachine) => Promise<MachineRecord>,
  ): Promise<readonly unknown[]> {
    const isMaster = (record: MachineRecord): boolean => record.HostOptions.SwarmOptions.Master;
    const rows = new Map(records.map(({ Name }) => [Name, this.#progress.machine(Name)]));
    const one = async (record: MachineRecord): Promise<EngineVersion> => {
      const row = rows.get(record.Name) ?? this.#progress.machine(record.Name);
      return this.#one(record, row, prepare);
    };
    this.#signer = records.some(isMaster) ? withResolvers() : undefined;
    const masters = records.filter(isMaster).map(async (record) => one(record));
    Promise.all(masters).then(this.#signer?.resolve, this.#signer?.reject);
    const workers = records.filter((record) => !isMaster(record)).map(async (each) => one(each));
    const settled = await Promise.allSettled([...masters, ...workers]);
    return settled.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  }

  async #one(
    record: MachineRecord,
    row: MachineProgress,
    prepare?: (record: MachineRecord, machine: RemoteMachine) => Promise<MachineRecord>,
  ): Promise<EngineVersion> {
    try {
      const { IPAddress, SSHPort, SSHUser } = record.Driver;
      row.step(`waiting for ssh on ${SSHUser}@${IPAddress}:${String(SSHPort)}`);
      const machine = await this.#workshop.connectTo(record, patienceMs);
      const ready = (await prepare?.(record, machine)) ?? record;
      const engine = await this.#provision(ready, machine, row);
      row.done(`ready at ${engineUrl(record)}, engine ${engine.version}`);
      return engine;
    } catch (error) {
      row.failed(messageOf(error));
      throw error;
    }
  }

  async #provision(
    record: MachineRecord,
    machine: RemoteMachine,
    progress: MachineProgress,
  ): Promise<EngineVersion> {
    const { store } = this.#workshop;
    const { Cluster: name, IsSwarm, Master } = record.HostOptions.SwarmOptions;
    const cluster = IsSwarm ? await store.findCluster(name) : undefined;
    if (IsSwarm && cluster === undefined) {
      throw new AppError(
        'not-found',
        `${record.Name}: its cluster "${name}" is not known any more`,
      );
    }
    const authority = await this.#workshop.authority();
    const signNodes: SignNodes = async (nodes) => {
      if (!Master) return this.#signRemotely(cluster, nodes, progress);
      const signed = await signOnManager(machine, nodes);
      this.#signer?.resolve();
      return signed;
    };
    const engine = await provision({
      machine,
      want: {
        record,
        membership: cluster === undefined ? undefined : membershipOf(record, cluster),
        user: authority.user,
        ca: authority.cert,
        engineAnchor: authority.engineAnchor,
      },
      authority,
      credentials: await this.#workshop.credentials(),
      uploadsFor: async (arch) => this.#workshop.uploadsFor(arch),
      signNodes,
      progress,
      renew: this.#renew,
      beforeChanges: async () => store.save({ ...record, Provisioned: false }),
      signal: this.#workshop.signal,
    });
    await store.save({ ...record, Provisioned: true });
    return engine;
  }

  /** One order at a time: the manager's machine signs for all workers over one session. */
  async #signRemotely(
    cluster: ClusterRecord | undefined,
    nodes: Parameters<SignNodes>[0],
    progress: MachineProgress,
  ): Promise<readonly string[]> {
    const managerName = cluster?.managers[0]?.name ?? '';
    if (this.#signer !== undefined) {
      progress.step(`waiting for ${managerName} to sign its certificate`);
      await this.#signer.promise.catch((error: unknown) => {
        throw new AppError('unavailable', `the manager's machine ${managerName} failed`, {
          cause: error,
        });
      });
    }
    this.#managerMachine ??= this.#connectManager(managerName);
    const manager = await this.#managerMachine;
    const signed = this.#signing.then(async () => signOnManager(manager, nodes));
    this.#signing = signed.catch(() => undefined);
    return signed;
  }

  async #connectManager(name: string): Promise<RemoteMachine> {
    const machine = await this.#workshop.connectTo(await this.#workshop.store.load(name));
    await machine.probeLogin();
    return machine;
  }
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
): Promise<void> {
  const { store } = workshop;
  await store.updateCluster(cluster.name, (seen) => {
    const other = seen?.managers.find(({ name }) => name !== master.Name);
    if (other !== undefined) {
      throw new AppError(
        'conflict',
        `cluster "${cluster.name}" already has its manager on ${other.name}: leave out --swarm-master, or name another cluster with --cluster`,
      );
    }
    const { NodeID: nodeId } = master.HostOptions.SwarmOptions;
    const manager = { name: master.Name, nodeId, url: managerUrl(master) };
    return withManager(seen ?? cluster, manager);
  });
  const current = await store.currentCluster();
  if (current === undefined || (await store.findCluster(current)) === undefined) {
    await store.setCurrentCluster(cluster.name);
  }
}

async function takeBack(workshop: Workshop, record: MachineRecord): Promise<void> {
  const { store } = workshop;
  const { Cluster: cluster, Master } = record.HostOptions.SwarmOptions;
  if (Master) {
    await store.updateCluster(cluster, (seen) =>
      seen === undefined ? undefined : withoutManager(seen, record.Name),
    );
    const gone = (await store.findCluster(cluster)) === undefined;
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
  clusterName: string,
): Promise<readonly unknown[]> {
  const { store } = workshop;
  const inCluster = flags.swarm || flags.swarmMaster;
  const wanted = newRecords(names, flags, inCluster ? { cluster: clusterName, newId } : undefined);
  const cluster = await clusterFor(workshop, flags, clusterName);
  if (flags.genericSshKey !== undefined) await checkKey(flags.genericSshKey);
  const reserved: MachineRecord[] = [];
  try {
    for (const record of wanted) reserved.push(await reserve(workshop, record));
    const master = reserved.find((record) => record.HostOptions.SwarmOptions.Master);
    if (cluster !== undefined && master !== undefined) {
      await joinCluster(workshop, cluster, master);
    }
    for (const [index, record] of reserved.entries()) {
      reserved[index] = await withKey(workshop, record, flags.genericSshKey);
    }
  } catch (error) {
    for (const record of reserved) await withdrawUnsaved(workshop, record);
    throw error;
  }
  if (flags.driver === 'none') {
    for (const record of reserved) await store.save(record);
    return [];
  }
  const progress = new Progress(process.stdout);
  try {
    const pin = async (record: MachineRecord, machine: RemoteMachine): Promise<MachineRecord> =>
      Promise.resolve({
        ...record,
        Driver: { ...record.Driver, SSHHostKey: machine.session.hostKey },
      });
    return await new Batch(workshop, progress).run(reserved, pin);
  } finally {
    progress.close();
    for (const record of reserved) await withdrawUnsaved(workshop, record);
  }
}

/** A machine without a saved record was never changed: nothing of it is kept. */
async function withdrawUnsaved(workshop: Workshop, record: MachineRecord): Promise<void> {
  if ((await workshop.store.find(record.Name)) === undefined) await takeBack(workshop, record);
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
