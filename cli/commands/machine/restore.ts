import { readFile } from 'node:fs/promises';
import { AppError, messageOf } from '../../../manager/common/base/errors.js';
import { isSealedRecord } from '../../../manager/common/protocol/backup.js';
import { ProvisionBatch } from '../../machine/provision-batch.js';
import type { LocalClusterRecord } from '../../inventory/cluster-record.js';
import { createMachines } from '../../machine/create.js';
import { remotePaths } from '../../inventory/remote-paths.js';
import { ProvisionProgress } from '../../output/machine-progress.js';
import type { MachineRecord } from '../../inventory/machine-record.js';
import { withRole } from '../../machine/roles.js';
import type { ProvisionContext } from '../../machine/provision-context.js';
import { verifyBackupFile } from '../../backup/backup.js';
import { checkBackupOf, importOnMachine, controlManagerUnits } from '../../backup/remote.js';
import { nodeReadyIn } from '../../machine/cluster-calls.js';
import { joinFailures } from '../../machine/failures.js';
import type { CreateOptions } from '../../machine/create-options.js';

/*
 * Replaces the lost manager of a cluster with a new machine: same cluster, same user CA, store from
 * a backup. The other machines get the new manager's address. Their workers report the running
 * containers, so nothing is restarted.
 */

type RestoreOptions = CreateOptions & { readonly restore: string };

export async function restoreCluster(
  provisioning: ProvisionContext,
  names: readonly string[],
  options: RestoreOptions,
  clusterName: string,
): Promise<void> {
  const { store } = provisioning;
  const [name = ''] = names;
  const cluster = await clusterToRestore(provisioning, clusterName, names);
  await checkBackup(options, cluster);
  const lost = cluster.managers.filter((manager) => manager.name !== name);
  const unreachable: string[] = [];
  for (const manager of lost) {
    const record = await store.find(manager.name);
    if (record !== undefined && !(await retire(provisioning, record)))
      unreachable.push(record.Name);
  }
  const failures = await createMachines(provisioning, names, options, {
    cluster: clusterName,
    nodeReady: nodeReadyIn(options),
    replaced: cluster,
  });
  if (failures.length > 0) throw joinFailures(failures, names.length);
  await fillStore(provisioning, await store.load(name), options);
  for (const manager of lost) {
    const record = await store.find(manager.name);
    if (record !== undefined) await store.save(withRole(record, false));
  }
  await updateOtherMachines(provisioning, clusterName, [name, ...unreachable], options);
}

async function clusterToRestore(
  { store }: ProvisionContext,
  name: string,
  machines: readonly string[],
): Promise<LocalClusterRecord> {
  const cluster = await store.findCluster(name);
  if (cluster === undefined) {
    throw new AppError(
      'not-found',
      `cluster "${name}": no record in ${store.home}; run this on the computer that created the cluster, or copy that folder from it`,
    );
  }
  if (cluster.discovery !== undefined) {
    throw new AppError(
      'conflict',
      `cluster "${name}": --restore needs an embedded store, but this cluster uses ${cluster.discovery}; add a manager with "shoal machine create --swarm-master", restore a backup with "shoal store import --replace"`,
    );
  }
  if (machines.length !== 1) {
    throw new AppError(
      'invalid',
      '--restore: requires exactly one machine name, for the new manager',
    );
  }
  return cluster;
}

async function checkBackup(
  { restore, restoreKey }: RestoreOptions,
  cluster: LocalClusterRecord,
): Promise<void> {
  let sealed = 0;
  const { header } = await verifyBackupFile(restore, ({ value }) => {
    if (isSealedRecord(value)) sealed += 1;
  });
  checkBackupOf(restore, header, cluster);
  if (restoreKey !== undefined) await readKey(restoreKey);
  if (sealed === 0 || restoreKey !== undefined) return;
  throw new AppError(
    'invalid',
    `${restore}: contains ${String(sealed)} objects with encrypted values; pass a copy of the lost manager's ${keyPath} with --restore-key`,
  );
}

const keyPath = `${remotePaths.data}/manager/cluster.key`;

/**
 * Stops and disables the old manager if it is reachable; two managers with separate stores would
 * cause a split brain. Returns false with a warning if the machine does not answer.
 */
async function retire(provisioning: ProvisionContext, record: MachineRecord): Promise<boolean> {
  try {
    const machine = await provisioning.connectTo(record);
    await machine.probeLogin();
    await machine.run('stop the old manager', [
      'systemctl',
      'disable',
      '--now',
      'shoal-manager.service',
    ]);
    return true;
  } catch (error) {
    process.stderr.write(
      `warning: machine ${record.Name}: unreachable (${messageOf(error)}); its manager must never run again: remove it with "shoal machine rm -f ${record.Name}" and reinstall it before it returns to the network\n`,
    );
    return false;
  }
}

async function fillStore(
  provisioning: ProvisionContext,
  record: MachineRecord,
  { restore, restoreKey }: RestoreOptions,
): Promise<void> {
  const machine = await provisioning.connectTo(record);
  await machine.probeLogin();
  await controlManagerUnits([machine], 'stop');
  try {
    if (restoreKey !== undefined) {
      const argv = ['install', '-D', '-m', '600', '/dev/stdin', keyPath];
      await machine.run('upload the cluster key', argv, { stdin: await readKey(restoreKey) });
    }
    const { stdout } = await importOnMachine(machine, restore, false);
    process.stdout.write(stdout);
  } finally {
    await controlManagerUnits([machine], 'start');
  }
}

async function readKey(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError('invalid', `--restore-key: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Provisions the cluster's other machines again: their workers only know the lost manager's
 * address.
 */
async function updateOtherMachines(
  provisioning: ProvisionContext,
  cluster: string,
  excluded: readonly string[],
  options: RestoreOptions,
): Promise<void> {
  const all = await provisioning.store.list();
  const others = all.filter(
    ({ Name, HostOptions: { SwarmOptions: swarm } }) =>
      swarm.IsSwarm && swarm.Cluster === cluster && !excluded.includes(Name),
  );
  const progress = new ProvisionProgress(process.stdout, options.progress);
  try {
    const work = { renew: false, nodeReady: nodeReadyIn(options) };
    const failures = await new ProvisionBatch(provisioning, progress, work).run(others);
    if (failures.length > 0) throw joinFailures(failures, others.length);
  } finally {
    progress.close();
  }
}
