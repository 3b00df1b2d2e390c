import { AppError, messageOf } from '../../manager/common/base/errors.js';
import { consulAgentOf } from '../provision/consul-agent.js';
import type { ConsulFiles } from '../provision/consul-files.js';
import { loadConsulFiles } from '../provision/consul-files.js';
import type { ClusterRecord } from '../inventory/cluster-record.js';
import type { EngineVersion } from '../inventory/engine-client.js';
import type { SignNodes } from '../certificates/issue-certificates.js';
import { signOnManager } from '../certificates/issue-certificates.js';
import type { MachineProgress, Progress } from '../output/machine-progress.js';
import { provision } from '../provision/provision.js';
import type { MachineRecord } from '../inventory/record.js';
import { engineUrl } from '../inventory/record.js';
import type { RemoteMachine } from '../ssh/remote-machine.js';
import { openConsulNames } from '../ssh/remote-scripts.js';
import type { Membership } from '../provision/settings-files.js';
import { eventually } from '../provision/verify.js';
import type { Workshop } from './workshop.js';

/** How long a machine may take to let us in: it may still be booting. */
const patienceMs = 15_000;

function membershipOf(
  record: MachineRecord,
  cluster: ClusterRecord,
  consulFiles: ConsulFiles,
): Membership {
  const { Name: name, Driver, HostOptions } = record;
  const isManager = HostOptions.SwarmOptions.Master;
  const machine = { name, address: Driver.IPAddress, isManager };
  return {
    clusterId: cluster.id,
    clusterName: cluster.name,
    nodeId: record.HostOptions.SwarmOptions.NodeID,
    role: record.HostOptions.SwarmOptions.Master ? 'manager' : 'worker',
    strategy: cluster.strategy,
    managers: cluster.managers.map(({ url }) => new URL(url).host),
    discovery: cluster.discovery,
    consulFiles,
    consulAgent: consulAgentOf(cluster, machine, consulFiles),
  };
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

/** Whether a cluster's manager says that a node is ready; throws when it cannot be asked. */
export type NodeReady = (cluster: string, nodeId: string) => Promise<boolean>;

export interface BatchOptions {
  /** Renew every certificate but the cluster's authority. */
  readonly renew: boolean;
  readonly nodeReady: NodeReady;
}

/** Joining takes a moment, and the manager of a batch may come up after its workers. */
const joinTimeoutMs = 45_000;

/** Provisions machines at the same time; the manager that signs for the others may be one of them. */
export class Batch {
  readonly #workshop: Workshop;
  readonly #progress: Progress;
  readonly #options: BatchOptions;
  /** Settles when the manager's machine of this batch can sign, or failed. */
  #signer: PromiseWithResolvers | undefined;
  #managerMachine: Promise<RemoteMachine> | undefined;
  #signing: Promise<unknown> = Promise.resolve();

  constructor(workshop: Workshop, progress: Progress, options: BatchOptions) {
    this.#workshop = workshop;
    this.#progress = progress;
    this.#options = options;
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
    this.#signer = (await this.#includesSigner(records)) ? withResolvers() : undefined;
    const masters = records.filter(isMaster).map(async (record) => one(record));
    this.#settleSigner(masters);
    const workers = records.filter((record) => !isMaster(record)).map(async (each) => one(each));
    const settled = await Promise.allSettled([...masters, ...workers]);
    return settled.flatMap((result): unknown[] =>
      result.status === 'rejected' ? [result.reason] : [],
    );
  }

  /** The first manager of the cluster signs for its workers. */
  async #includesSigner(records: readonly MachineRecord[]): Promise<boolean> {
    const { store } = this.#workshop;
    for (const { Name, HostOptions } of records) {
      const cluster = await store.findCluster(HostOptions.SwarmOptions.Cluster);
      if (cluster?.managers[0]?.name === Name) return true;
    }
    return false;
  }

  /** At the latest a provisioned manager can sign; earlier when it did so for itself. */
  #settleSigner(masters: readonly Promise<unknown>[]): void {
    Promise.all(masters)
      .then(() => this.#signer?.resolve())
      .catch((error: unknown) => this.#signer?.reject(error));
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
      if (cluster?.managers[0]?.name === record.Name) this.#signer?.resolve();
      return signed;
    };
    const engine = await provision({
      machine,
      want: {
        record,
        membership:
          cluster === undefined
            ? undefined
            : membershipOf(record, cluster, await loadConsulFiles(store.home, name)),
        user: authority.user,
        ca: authority.cert,
        engineAnchor: authority.engineAnchor,
      },
      authority,
      credentials: await this.#workshop.credentials(),
      uploadsFor: async (arch) => this.#workshop.uploadsFor(arch),
      signNodes,
      consulFor: async (arch) => this.#workshop.consulFor(arch),
      progress,
      renew: this.#options.renew,
      beforeChanges: async () => store.save({ ...record, Provisioned: false }),
      signal: this.#workshop.signal,
    });
    if (cluster !== undefined) await this.#waitUntilJoined(record, cluster, progress);
    if (Master && cluster?.consulServers !== undefined) {
      await machine.script('let names be asked of consul', openConsulNames, []);
    }
    await store.save({ ...record, Provisioned: true });
    return engine;
  }

  async #waitUntilJoined(
    record: MachineRecord,
    cluster: ClusterRecord,
    progress: MachineProgress,
  ): Promise<void> {
    const { NodeID } = record.HostOptions.SwarmOptions;
    progress.step(`joining cluster ${cluster.name}`);
    try {
      await eventually(joinTimeoutMs, this.#workshop.signal, async () => {
        if (await this.#options.nodeReady(cluster.name, NodeID)) return;
        throw new Error('its worker runs but the manager does not have it as ready');
      });
    } catch (error) {
      this.#workshop.signal?.throwIfAborted();
      throw new AppError(
        'unavailable',
        `${record.Name}: did not join cluster "${cluster.name}": ${messageOf(error)}; look at "journalctl -u shoal-worker" there`,
        { cause: error },
      );
    }
  }

  /** One order at a time: the manager's machine signs for all workers over one session. */
  async #signRemotely(
    cluster: ClusterRecord | undefined,
    nodes: Parameters<SignNodes>[0],
    progress: MachineProgress,
  ): Promise<readonly string[]> {
    const names = cluster?.managers.map((manager) => manager.name) ?? [];
    const managerName = names[0] ?? '';
    if (this.#signer !== undefined) {
      progress.step(`waiting for ${managerName} to sign its certificate`);
      await this.#signer.promise.catch((error: unknown) => {
        throw new AppError('unavailable', `the manager's machine ${managerName} failed`, {
          cause: error,
        });
      });
    }
    this.#managerMachine ??= this.#connectManager(names);
    const manager = await this.#managerMachine;
    const signed = this.#signing.then(async () => signOnManager(manager, nodes));
    this.#signing = signed.catch(() => undefined);
    return signed;
  }

  /** Any manager can sign: the first that lets us in. */
  async #connectManager(names: readonly string[]): Promise<RemoteMachine> {
    let failure: unknown = new AppError('not-found', 'the cluster has no manager');
    for (const name of names) {
      try {
        const machine = await this.#workshop.connectTo(await this.#workshop.store.load(name));
        await machine.probeLogin();
        return machine;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }
}
