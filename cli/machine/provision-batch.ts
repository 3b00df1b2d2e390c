import { AppError, messageOf } from '../../manager/common/base/errors.js';
import { outdatedRuntime } from '../inventory/node-releases.js';
import type { KeyPair } from '../../manager/common/pki/pki.js';
import { planConsulAgent } from '../provision/consul-agent.js';
import type { ConsulFiles } from '../provision/consul-files.js';
import { loadConsulFiles } from '../provision/consul-files.js';
import type { LocalClusterRecord } from '../inventory/cluster-record.js';
import type { EngineVersion } from '../inventory/engine-client.js';
import type { SignNodes } from '../certificates/issue-certificates.js';
import { signOnManager } from '../certificates/issue-certificates.js';
import type { MachineProgress, ProvisionProgress } from '../output/machine-progress.js';
import { provision } from '../provision/provision.js';
import type { MachineRecord } from '../inventory/machine-record.js';
import { engineUrl, hasEnginePort } from '../inventory/machine-record.js';
import { withEngineAnchor } from './engine-anchor.js';
import { remotePaths } from '../inventory/remote-paths.js';
import type { RemoteMachine } from '../ssh/remote-machine.js';
import { allowAnonymousConsulReads } from '../ssh/remote-scripts.js';
import type { ClusterMembership } from '../provision/settings-files.js';
import { retryUntil } from '../provision/verify.js';
import type { ProvisionContext } from './provision-context.js';
import { upgradeConsul } from './upgrade-consul.js';

/** Timeout for the first connection, retried because a machine may still be booting, ms. */
const connectRetryMs = 15_000;

function membershipOf(
  record: MachineRecord,
  cluster: LocalClusterRecord,
  consulFiles: ConsulFiles,
): ClusterMembership {
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
    consulAgent: planConsulAgent(cluster, machine, consulFiles),
  };
}

function agentAuthority({ agentCa, agentCaKey }: ConsulFiles): KeyPair | undefined {
  if (agentCa === undefined || agentCaKey === undefined) return undefined;
  return { cert: agentCa, key: agentCaKey };
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

/**
 * True if the cluster's manager reports the node as ready; rejects if the manager is unreachable.
 */
export type NodeReady = (cluster: string, nodeId: string) => Promise<boolean>;

export interface BatchOptions {
  /** Renew all certificates except the cluster's intermediate CA. */
  readonly renew: boolean;
  readonly nodeReady: NodeReady;
}

/** Allows for a manager of the batch that comes up after its workers. */
const joinTimeoutMs = 45_000;

/** Provisions machines concurrently; the manager that signs for the others may be one of them. */
export class ProvisionBatch {
  readonly #provisioning: ProvisionContext;
  readonly #progress: ProvisionProgress;
  readonly #options: BatchOptions;
  /** Resolves once the batch's manager can sign, rejects if it failed; undefined without one. */
  #signer: PromiseWithResolvers | undefined;
  #managerMachine: Promise<RemoteMachine> | undefined;
  #signing: Promise<unknown> = Promise.resolve();
  /** Names of the machines that failed. */
  readonly failed: string[] = [];

  constructor(provisioning: ProvisionContext, progress: ProvisionProgress, options: BatchOptions) {
    this.#provisioning = provisioning;
    this.#progress = progress;
    this.#options = options;
  }

  /**
   * Provisions the machines and returns the failures.
   */
  async run(records: readonly MachineRecord[]): Promise<readonly unknown[]> {
    const isMaster = (record: MachineRecord): boolean => record.HostOptions.SwarmOptions.Master;
    await this.#upgradeConsul(records);
    const rows = new Map(records.map(({ Name }) => [Name, this.#progress.machine(Name)]));
    const provisionRow = async (record: MachineRecord): Promise<EngineVersion> => {
      const row = rows.get(record.Name) ?? this.#progress.machine(record.Name);
      return this.#provisionMachine(record, row);
    };
    this.#signer = (await this.#includesSigner(records)) ? withResolvers() : undefined;
    const masters = records.filter(isMaster).map(async (record) => provisionRow(record));
    this.#settleSigner(masters);
    const workers = records
      .filter((record) => !isMaster(record))
      .map(async (record) => provisionRow(record));
    const settled = await Promise.allSettled([...masters, ...workers]);
    return settled.flatMap((result): unknown[] =>
      result.status === 'rejected' ? [result.reason] : [],
    );
  }

  /**
   * True if the batch has the first manager of a cluster, which signs for the cluster's workers.
   */
  async #includesSigner(records: readonly MachineRecord[]): Promise<boolean> {
    const { store } = this.#provisioning;
    for (const { Name, HostOptions } of records) {
      const cluster = await store.findCluster(HostOptions.SwarmOptions.Cluster);
      if (cluster?.managers[0]?.name === Name) return true;
    }
    return false;
  }

  /** Before the machines get a program whose workers' certificates Consul could not use. */
  async #upgradeConsul(records: readonly MachineRecord[]): Promise<void> {
    const clusters = records.map(({ HostOptions }) => HostOptions.SwarmOptions.Cluster);
    for (const name of new Set(clusters)) {
      let row: MachineProgress | undefined;
      await upgradeConsul(this.#provisioning, name, (title) => {
        row ??= this.#progress.machine(`consul of ${name}`);
        row.step(title);
      }).catch((error: unknown) => {
        row?.failed(messageOf(error));
        throw error;
      });
      row?.done('has a CA of its own');
    }
  }

  /** A provisioned manager can sign; #provision resolves earlier if it has signed for itself. */
  #settleSigner(masters: readonly Promise<unknown>[]): void {
    Promise.all(masters)
      .then(() => this.#signer?.resolve())
      .catch((error: unknown) => this.#signer?.reject(error));
  }

  async #provisionMachine(record: MachineRecord, row: MachineProgress): Promise<EngineVersion> {
    try {
      const { IPAddress, SSHPort, SSHUser } = record.Driver;
      row.step(`waiting for ssh on ${SSHUser}@${IPAddress}:${String(SSHPort)}`);
      const machine = await this.#provisioning.connectTo(record, connectRetryMs);
      const engine = await this.#provision(record, machine, row);
      const warning = await runtimeWarning(machine);
      const place = hasEnginePort(record) ? `ready at ${engineUrl(record)}` : 'ready';
      row.done(`${place}, engine ${engine.version}${warning}`);
      return engine;
    } catch (error) {
      row.failed(messageOf(error));
      this.failed.push(record.Name);
      throw error;
    }
  }

  async #provision(
    record: MachineRecord,
    machine: RemoteMachine,
    progress: MachineProgress,
  ): Promise<EngineVersion> {
    const { store } = this.#provisioning;
    const { Cluster: name, IsSwarm, Master } = record.HostOptions.SwarmOptions;
    const cluster = IsSwarm ? await store.findCluster(name) : undefined;
    if (IsSwarm && cluster === undefined) {
      throw new AppError('not-found', `${record.Name}: cluster "${name}" not found in the store`);
    }
    const authority = await this.#provisioning.authority();
    const credentials = await this.#provisioning.credentials();
    const engines = await this.#provisioning.engineAccess(name);
    const consulFiles = await loadConsulFiles(store.home, name);
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
        membership: cluster === undefined ? undefined : membershipOf(record, cluster, consulFiles),
        user: authority.user,
        ca: authority.trust,
        engineAnchor: engines.authority.cert,
      },
      authority,
      consulAuthority: agentAuthority(consulFiles),
      credentials,
      engineCredentials: { ca: credentials.ca, ...engines.client },
      uploadsFor: async (arch) => this.#provisioning.uploadsFor(arch),
      signNodes,
      consulFor: async (arch) => this.#provisioning.consulFor(arch),
      progress,
      renew: this.#options.renew,
      beforeChanges: async () => store.save({ ...record, Provisioned: false }),
      signal: this.#provisioning.signal,
    });
    if (cluster !== undefined) await this.#waitUntilJoined(record, cluster, progress);
    if (Master && cluster?.consulServers !== undefined) {
      await machine.script('allow anonymous dns queries in consul', allowAnonymousConsulReads, []);
    }
    await store.save({ ...withEngineAnchor(record, engines.authority), Provisioned: true });
    await store.linkCertificates(record.Name, name);
    return engine;
  }

  async #waitUntilJoined(
    record: MachineRecord,
    cluster: LocalClusterRecord,
    progress: MachineProgress,
  ): Promise<void> {
    const { NodeID } = record.HostOptions.SwarmOptions;
    progress.step(`joining cluster ${cluster.name}`);
    try {
      await retryUntil(joinTimeoutMs, this.#provisioning.signal, async () => {
        if (await this.#options.nodeReady(cluster.name, NodeID)) return;
        throw new Error('the worker runs but the manager does not report the node as ready');
      });
    } catch (error) {
      this.#provisioning.signal?.throwIfAborted();
      throw new AppError(
        'unavailable',
        `${record.Name}: did not join cluster "${cluster.name}": ${messageOf(error)}; check "journalctl -u shoal-worker" on it`,
        { cause: error },
      );
    }
  }

  /** Signing requests are serialized: one session to the manager's machine serves all workers. */
  async #signRemotely(
    cluster: LocalClusterRecord | undefined,
    nodes: Parameters<SignNodes>[0],
    progress: MachineProgress,
  ): Promise<readonly string[]> {
    const names = cluster?.managers.map((manager) => manager.name) ?? [];
    const managerName = names[0] ?? '';
    if (this.#signer !== undefined) {
      progress.step(`waiting for ${managerName} to sign its certificate`);
      await this.#signer.promise.catch((error: unknown) => {
        throw new AppError('unavailable', `manager machine ${managerName} failed to provision`, {
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

  /** Any manager can sign; connects to the first that is reachable. */
  async #connectManager(names: readonly string[]): Promise<RemoteMachine> {
    let failure: unknown = new AppError('not-found', 'the cluster has no manager');
    for (const name of names) {
      try {
        const machine = await this.#provisioning.connectTo(
          await this.#provisioning.store.load(name),
        );
        await machine.probeLogin();
        return machine;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }
}

/** Text after the result of a machine whose Node runtime gets no security fixes; else empty. */
async function runtimeWarning(machine: RemoteMachine): Promise<string> {
  const { stdout } = await machine.exec([remotePaths.node, '--version']);
  const outdated = outdatedRuntime(stdout.trim(), Date.now());
  return outdated === undefined ? '' : `; warning: ${outdated.problem}: ${outdated.remedy}`;
}
