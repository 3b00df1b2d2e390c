import { readFile } from 'node:fs/promises';
import { AppError, messageOf } from '../../../manager/common/base/errors.js';
import { Batch } from '../../machine/batch.js';
import type { ClusterRecord } from '../../inventory/cluster-record.js';
import { createMachines } from '../../machine/create.js';
import { remote } from '../../inventory/layout.js';
import { Progress } from '../../output/machine-progress.js';
import type { MachineRecord } from '../../inventory/record.js';
import { withRole } from '../../machine/roles.js';
import type { Workshop } from '../../machine/workshop.js';
import { verifyFile } from '../../backup/backup.js';
import { checkBackupOf, importOn, onAll } from '../../backup/there.js';
import { nodeReadyIn } from '../../machine/cluster-calls.js';
import { joinFailures } from '../../machine/failures.js';
import type { CreateOptions } from '../../arguments/machine-options.js';

/*
 * The one manager of a cluster is lost with its machine. A new machine takes its place: same cluster, same
 * authority of the user, the store from a backup. The others are told where it is; their workers report
 * what runs, so nothing of it is started again.
 */

type RestoreOptions = CreateOptions & { readonly restore: string };

export async function restoreCluster(
  workshop: Workshop,
  names: readonly string[],
  options: RestoreOptions,
  clusterName: string,
): Promise<void> {
  const { store } = workshop;
  const [name = ''] = names;
  const cluster = await clusterToRestore(workshop, clusterName, names);
  await checkBackup(options, cluster);
  const lost = cluster.managers.filter((manager) => manager.name !== name);
  const away: string[] = [];
  for (const manager of lost) {
    const record = await store.find(manager.name);
    if (record !== undefined && !(await retire(workshop, record))) away.push(record.Name);
  }
  const failures = await createMachines(workshop, names, options, {
    cluster: clusterName,
    nodeReady: nodeReadyIn(options),
    replaced: cluster,
  });
  if (failures.length > 0) throw joinFailures(failures, names.length);
  await fillStore(workshop, await store.load(name), options);
  for (const manager of lost) {
    const record = await store.find(manager.name);
    if (record !== undefined) await store.save(withRole(record, false));
  }
  await tellOthers(workshop, clusterName, [name, ...away], options);
}

async function clusterToRestore(
  { store }: Workshop,
  name: string,
  machines: readonly string[],
): Promise<ClusterRecord> {
  const cluster = await store.findCluster(name);
  if (cluster === undefined) {
    throw new AppError(
      'not-found',
      `cluster "${name}" is not known here: its record and the keys of its machines lie in ${store.home} of the computer that made it`,
    );
  }
  if (cluster.discovery !== undefined) {
    throw new AppError(
      'conflict',
      `cluster "${name}" keeps its state in ${cluster.discovery}: "shoal machine create --swarm-master" adds a manager, "shoal store import --replace" restores a backup`,
    );
  }
  if (machines.length !== 1) {
    throw new AppError('invalid', '--restore makes one machine, the new manager');
  }
  return cluster;
}

async function checkBackup(
  { restore, restoreKey }: RestoreOptions,
  cluster: ClusterRecord,
): Promise<void> {
  let sealed = 0;
  const { header } = await verifyFile(restore, ({ table, value }) => {
    const { data } = value as { readonly data?: unknown };
    if (table === 'secrets' && typeof data === 'object') sealed += 1;
  });
  checkBackupOf(restore, header, cluster);
  if (restoreKey !== undefined) await readKey(restoreKey);
  if (sealed === 0 || restoreKey !== undefined) return;
  throw new AppError(
    'invalid',
    `${restore} has ${String(sealed)} sealed secrets: --restore-key names a copy of the lost manager's ${keyPath}`,
  );
}

const keyPath = `${remote.data}/manager/cluster.key`;

/**
 * Two managers with stores of their own would both decide: one that still answers is ended for good. False
 * for one that does not.
 */
async function retire(workshop: Workshop, record: MachineRecord): Promise<boolean> {
  try {
    const machine = await workshop.connectTo(record);
    await machine.probeLogin();
    await machine.run('end the manager', [
      'systemctl',
      'disable',
      '--now',
      'shoal-manager.service',
    ]);
    return true;
  } catch (error) {
    process.stderr.write(
      `warning: ${record.Name} does not answer (${messageOf(error)}): the manager there must not run again; forget the machine with "shoal machine rm -f ${record.Name}" and install it anew before it is on the network again\n`,
    );
    return false;
  }
}

async function fillStore(
  workshop: Workshop,
  record: MachineRecord,
  { restore, restoreKey }: RestoreOptions,
): Promise<void> {
  const machine = await workshop.connectTo(record);
  await machine.probeLogin();
  await onAll([machine], 'stop');
  try {
    if (restoreKey !== undefined) {
      const argv = ['install', '-D', '-m', '600', '/dev/stdin', keyPath];
      await machine.run('bring the cluster key', argv, { stdin: await readKey(restoreKey) });
    }
    const { stdout } = await importOn(machine, restore, false);
    process.stdout.write(stdout);
  } finally {
    await onAll([machine], 'start');
  }
}

async function readKey(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError('invalid', `--restore-key: ${messageOf(error)}`, { cause: error });
  }
}

/** Workers know the lost manager's address only. */
async function tellOthers(
  workshop: Workshop,
  cluster: string,
  but: readonly string[],
  options: RestoreOptions,
): Promise<void> {
  const all = await workshop.store.list();
  const others = all.filter(
    ({ Name, HostOptions: { SwarmOptions: swarm } }) =>
      swarm.IsSwarm && swarm.Cluster === cluster && !but.includes(Name),
  );
  const progress = new Progress(process.stdout, options.progress);
  try {
    const work = { renew: false, nodeReady: nodeReadyIn(options) };
    const failures = await new Batch(workshop, progress, work).run(others);
    if (failures.length > 0) throw joinFailures(failures, others.length);
  } finally {
    progress.close();
  }
}
