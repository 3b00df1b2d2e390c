import { AppError, isAppError, messageOf } from '../../manager/common/base/errors.js';
import { forgetConsulFiles } from '../provision/consul-files.js';
import { withoutConsulServer, withoutManager } from '../inventory/cluster-record.js';
import { daemonJsonBefore } from '../provision/engine-config.js';
import type { MachineNote } from '../provision/machine-want.js';
import { planRemoval } from './removal-order.js';
import type { MachineRecord } from '../inventory/record.js';
import type { RemoteMachine } from '../ssh/remote-machine.js';
import { purgeWorker, uninstall } from '../ssh/remote-scripts.js';
import type { MachineStore } from '../inventory/machine-store.js';
import type { MachineProgress } from '../output/machine-progress.js';
import { checkLogin } from '../provision/packages.js';
import type { Workshop } from './workshop.js';

/** Tells a cluster's manager to forget a node and refuse its certificate from now on. */
export type ForgetNode = (cluster: string, nodeId: string) => Promise<void>;

export interface RemoveOptions {
  /** Forget machines that cannot be cleaned, and a manager whose cluster has other machines. */
  readonly force: boolean;
  readonly forgetNode: ForgetNode;
}

/** Takes everything shoal brought off a machine; the engine is left as it was before. */
async function clean(
  machine: RemoteMachine,
  progress: MachineProgress,
  isLast: boolean,
): Promise<void> {
  const login = await machine.probeLogin();
  checkLogin({ name: machine.name, user: machine.session.target.user }, login, Date.now());
  progress.step('removing containers and networks');
  const which = isLast ? ['last'] : ['other'];
  await machine.script('remove what the worker made', purgeWorker, which, { timeoutMs: 180_000 });
  const facts = await machine.probeRoot([], []);
  const note = JSON.parse(facts.machineNote ?? '{}') as Partial<MachineNote>;
  const restores = note.liveRestore === true && facts.daemonJson !== undefined;
  const before = restores ? daemonJsonBefore(facts.daemonJson) : undefined;
  const action = !restores ? 'keep' : before === undefined ? 'remove' : 'write';
  progress.step('giving the engine back and removing files');
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
      seen === undefined ? undefined : withoutManager(seen, record.Name),
    );
    const isGone = (await store.findCluster(name)) === undefined;
    if (isGone) await forgetConsulFiles(store.home, name);
    if (isGone && (await store.currentCluster()) === name) await store.setCurrentCluster(undefined);
  }
  await store.forget(record.Name);
}

/** A member whose manager stays is to be forgotten there; best before its machine goes. */
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
      `${record.Name}: the manager of cluster "${Cluster}" did not let it go: ${messageOf(error)}; -f removes it all the same`,
      { cause: error },
    );
  }
}

async function removeOne(
  workshop: Workshop,
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
      await cleanOrSkip(workshop, record, { ...options, isLast: Master && leaving.has(Cluster) });
    }
    await forgetRecord(workshop.store, record);
    progress.done('removed');
  } catch (error) {
    progress.failed(messageOf(error));
    throw error;
  }
}

async function cleanOrSkip(
  workshop: Workshop,
  record: MachineRecord,
  options: RemoveOptions & { readonly progress: MachineProgress; readonly isLast: boolean },
): Promise<void> {
  try {
    options.progress.step(`connecting to ${record.Driver.IPAddress}`);
    await clean(await workshop.connectTo(record), options.progress, options.isLast);
  } catch (error) {
    if (!options.force) {
      throw new AppError(
        isAppError(error) ? error.kind : 'internal',
        `${messageOf(error)}; "shoal machine rm -f ${record.Name}" forgets it without cleaning it`,
        { cause: error },
      );
    }
    options.progress.step('forgetting it without cleaning it', messageOf(error));
  }
}

/**
 * Removes machines: workers first, all at once, then managers. Returns the failures. Throws, before
 * anything is done, when a manager would leave members of its cluster behind.
 */
export async function removeMachines(
  workshop: Workshop,
  records: readonly MachineRecord[],
  options: RemoveOptions & { readonly progressFor: (name: string) => MachineProgress },
): Promise<readonly unknown[]> {
  const plan = planRemoval(records, await workshop.store.list(), options.force);
  const failures: unknown[] = [];
  for (const group of [plan.members, plan.managers]) {
    const settled = await Promise.allSettled(
      group.map(async (record) =>
        removeOne(workshop, record, plan.leaving, {
          ...options,
          progress: options.progressFor(record.Name),
        }),
      ),
    );
    for (const one of settled) if (one.status === 'rejected') failures.push(one.reason);
  }
  return failures;
}
