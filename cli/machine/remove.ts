import { AppError, isAppError, messageOf } from '../../manager/common/base/errors.js';
import { withoutConsulServer, withoutClusterManager } from '../inventory/cluster-record.js';
import { revertDaemonJson } from '../provision/engine-config.js';
import { enabledLiveRestore } from '../provision/machine-spec.js';
import { planRemoval, type RemovalPlan } from './plan-removal.js';
import type { MachineRecord } from '../inventory/machine-record.js';
import type { RemoteMachine } from '../ssh/remote-machine.js';
import { purgeWorker, uninstall } from '../ssh/remote-scripts.js';
import type { MachineStore } from '../inventory/machine-store.js';
import type { MachineProgress } from '../output/machine-progress.js';
import { preflightCheck } from '../provision/packages.js';
import { deleteClusterFiles } from './delete-cluster-files.js';
import type { ProvisionContext } from './provision-context.js';

/** Removes a node from its cluster and revokes its certificate, through the cluster's manager. */
export type ForgetNode = (cluster: string, nodeId: string) => Promise<void>;

/**
 * Drains the nodes of a cluster's machines and waits until their containers have moved; nodes that
 * are not ready are left as they are.
 */
export type DrainNodes = (
  cluster: string,
  machines: readonly { readonly nodeId: string; readonly progress: MachineProgress }[],
  signal: AbortSignal,
) => Promise<void>;

export interface RemoveOptions {
  /** Also remove unreachable machines, and the last manager of a cluster that has other members. */
  readonly force: boolean;
  readonly forgetNode: ForgetNode;
  /** Called first, unless `force` is set. */
  readonly drainNodes: DrainNodes;
}

/** Uninstalls shoal from a machine and restores the engine's original configuration. */
async function clean(
  machine: RemoteMachine,
  progress: MachineProgress,
  isLast: boolean,
): Promise<void> {
  const login = await machine.probeLogin();
  preflightCheck({ name: machine.name, user: machine.session.target.user }, login, Date.now());
  progress.step('removing containers and networks');
  const which = isLast ? ['last'] : ['other'];
  await machine.script('purge the worker', purgeWorker, which, { timeoutMs: 180_000 });
  const facts = await machine.probeRoot([], []);
  const { daemonJson } = facts;
  const restores = enabledLiveRestore(facts.machineNote, machine.name) && daemonJson !== undefined;
  const before = restores ? revertDaemonJson(machine.name, daemonJson) : undefined;
  const action = !restores ? 'keep' : before === undefined ? 'remove' : 'write';
  progress.step('restoring the engine configuration and removing files');
  await machine.script('remove shoal', uninstall, [action], {
    stdin: before ?? '',
    timeoutMs: 180_000,
  });
}

async function forgetRecord(store: MachineStore, record: MachineRecord): Promise<void> {
  const { Master, IsSwarm, Cluster: name } = record.HostOptions.SwarmOptions;
  if (IsSwarm) {
    await store.updateCluster(name, (seen) =>
      seen === undefined ? undefined : withoutConsulServer(seen, record.Name),
    );
  }
  if (Master) {
    await store.updateCluster(name, (seen) =>
      seen === undefined ? undefined : withoutClusterManager(seen, record.Name),
    );
    const isGone = (await store.findCluster(name)) === undefined;
    if (isGone) await deleteClusterFiles(store, name);
    if (isGone && (await store.currentCluster()) === name) await store.setCurrentCluster(undefined);
  }
  await store.forget(record.Name);
}

/** Deregisters a node of a cluster that keeps a manager, before its machine is cleaned. */
async function leaveCluster(
  record: MachineRecord,
  leaving: ReadonlySet<string>,
  options: RemoveOptions,
): Promise<void> {
  const { IsSwarm, Cluster, NodeID } = record.HostOptions.SwarmOptions;
  if (!IsSwarm || leaving.has(Cluster)) return;
  try {
    await options.forgetNode(Cluster, NodeID);
  } catch (error) {
    if (isAppError(error) && error.kind === 'not-found') return;
    if (options.force || !record.Provisioned) return;
    throw new AppError(
      'unavailable',
      `${record.Name}: the manager of cluster "${Cluster}" did not remove the node: ${messageOf(error)}; use -f to remove the machine anyway`,
      { cause: error },
    );
  }
}

async function removeOne(
  provisioning: ProvisionContext,
  record: MachineRecord,
  leaving: ReadonlySet<string>,
  options: RemoveOptions & { readonly progress: MachineProgress },
): Promise<void> {
  const { progress } = options;
  try {
    if (record.DriverName === 'generic') {
      progress.step('leaving its cluster');
      await leaveCluster(record, leaving, options);
      const { Master, Cluster } = record.HostOptions.SwarmOptions;
      await cleanOrSkip(provisioning, record, {
        ...options,
        isLast: Master && leaving.has(Cluster),
      });
    }
    await forgetRecord(provisioning.store, record);
    progress.done('removed');
  } catch (error) {
    progress.failed(messageOf(error));
    throw error;
  }
}

async function cleanOrSkip(
  provisioning: ProvisionContext,
  record: MachineRecord,
  options: RemoveOptions & { readonly progress: MachineProgress; readonly isLast: boolean },
): Promise<void> {
  try {
    options.progress.step(`connecting to ${record.Driver.IPAddress}`);
    await clean(await provisioning.connectTo(record), options.progress, options.isLast);
  } catch (error) {
    if (!options.force) {
      throw new AppError(
        isAppError(error) ? error.kind : 'internal',
        `${messageOf(error)}; "shoal machine rm -f ${record.Name}" removes its record without cleaning it`,
        { cause: error },
      );
    }
    options.progress.step('removing its record without cleaning it', messageOf(error));
  }
}

/** Moves the containers of all leaving machines before any is removed, one cluster at a time. */
async function drainFirst(
  records: readonly MachineRecord[],
  { dissolvedClusters }: RemovalPlan,
  options: RemoveOptions & {
    readonly progressOf: (record: MachineRecord) => MachineProgress;
    readonly provisioning: ProvisionContext;
  },
): Promise<void> {
  const { drainNodes, progressOf, provisioning } = options;
  const byCluster = new Map<string, MachineRecord[]>();
  for (const record of records) {
    const { IsSwarm, Cluster } = record.HostOptions.SwarmOptions;
    if (!IsSwarm || !record.Provisioned || dissolvedClusters.has(Cluster)) continue;
    byCluster.set(Cluster, [...(byCluster.get(Cluster) ?? []), record]);
  }
  for (const [cluster, members] of byCluster) {
    const machines = members.map((record) => ({
      nodeId: record.HostOptions.SwarmOptions.NodeID,
      progress: progressOf(record),
    }));
    await drainNodes(cluster, machines, provisioning.signal ?? new AbortController().signal);
  }
}

/**
 * Removes machines, workers first and managers after them, each group concurrently. Returns the
 * failures. Throws `conflict` before any change if a cluster would keep members without a manager.
 */
export async function removeMachines(
  provisioning: ProvisionContext,
  records: readonly MachineRecord[],
  options: RemoveOptions & { readonly progressFor: (name: string) => MachineProgress },
): Promise<readonly unknown[]> {
  const plan = planRemoval(records, await provisioning.store.list(), options.force);
  const failures: unknown[] = [];
  const progresses = new Map(records.map(({ Name }) => [Name, options.progressFor(Name)]));
  const progressOf = ({ Name }: MachineRecord): MachineProgress =>
    progresses.get(Name) ?? options.progressFor(Name);
  if (!options.force) await drainFirst(records, plan, { ...options, progressOf, provisioning });
  for (const group of [plan.workers, plan.managers]) {
    const settled = await Promise.allSettled(
      group.map(async (record) =>
        removeOne(provisioning, record, plan.dissolvedClusters, {
          ...options,
          progress: progressOf(record),
        }),
      ),
    );
    for (const result of settled) if (result.status === 'rejected') failures.push(result.reason);
  }
  return failures;
}
