import { createReadStream } from 'node:fs';
import { AppError } from '../../manager/common/base/errors.js';
import type { BackupHeader } from '../../manager/common/protocol/backup.js';
import type { Cli } from '../cli.js';
import { remotePaths } from '../inventory/remote-paths.js';
import { MachineStore, resolveStoreFolder } from '../inventory/machine-store.js';
import type { RemoteMachine } from '../ssh/remote-machine.js';
import { ProvisionContext } from '../machine/provision-context.js';
import { verifyBackupFile } from './backup.js';
import type { StoreTarget } from './target.js';

/* Access to the store of managers on other machines over SSH, while the managers are stopped. */

const importTimeoutMs = 10 * 60_000;

export async function importRemoteStore(
  cli: Cli,
  file: string,
  flags: StoreTarget & { readonly replace: boolean },
): Promise<void> {
  // Verify the file before stopping the managers.
  const { header } = await verifyBackupFile(file);
  await withManagersStopped(cli, flags, async (machine, cluster) => {
    checkBackupOf(file, header, cluster);
    return importOnMachine(machine, file, flags.replace);
  });
}

/** Throws `conflict` if the backup belongs to another cluster. */
export function checkBackupOf(file: string, header: BackupHeader, cluster: Cluster): void {
  if (header.clusterId === cluster.id) return;
  throw new AppError(
    'conflict',
    `${file}: backup of cluster ${header.clusterName} (${header.clusterId}), not of ${cluster.name} (${cluster.id})`,
  );
}

/**
 * Imports a backup into the store of a stopped manager on `machine`. Returns the command's output.
 */
export function importOnMachine(
  machine: RemoteMachine,
  file: string,
  replace: boolean,
): Promise<{ readonly stdout: string }> {
  const argv = ['store', 'import', '-', '--config', remotePaths.managerSettings];
  return machine.run(
    'restore the store',
    [remotePaths.command, ...argv, ...(replace ? ['--replace'] : [])],
    { stdin: createReadStream(file), timeoutMs: importTimeoutMs },
  );
}

export async function migrateRemoteStore(cli: Cli, to: string, flags: StoreTarget): Promise<void> {
  await withManagersStopped(cli, flags, (machine) =>
    machine.run(
      `migrate the store to ${to}`,
      [remotePaths.command, 'store', 'migrate', to, '--config', remotePaths.managerSettings],
      { timeoutMs: importTimeoutMs },
    ),
  );
}

interface Cluster {
  readonly id: string;
  readonly name: string;
}

/**
 * Stops all managers of the cluster, runs `work` on the selected one and prints its output. Always
 * starts the managers again before it throws.
 */
async function withManagersStopped(
  cli: Cli,
  { machine: named }: StoreTarget,
  work: (machine: RemoteMachine, cluster: Cluster) => Promise<{ readonly stdout: string }>,
): Promise<void> {
  const store = new MachineStore(resolveStoreFolder(cli.options.storagePath, cli.env));
  const name = cli.options.cluster ?? cli.env.SHOAL_CLUSTER ?? (await store.currentCluster()) ?? '';
  const cluster = name === '' ? undefined : await store.findCluster(name);
  if (cluster === undefined) {
    throw new AppError(
      'not-found',
      'no cluster of machines is configured; select one with --cluster, or a manager on this machine with --config',
    );
  }
  const names = cluster.managers.map((manager) => manager.name);
  const selected = named ?? names[0] ?? '';
  if (!names.includes(selected)) {
    throw new AppError(
      'not-found',
      `machine ${selected}: runs no manager of cluster ${name}; see "shoal manager ls"`,
    );
  }
  const provisioning = new ProvisionContext({ store, env: cli.env, signal: cli.interrupts.signal });
  try {
    const machines = await Promise.all(
      names.map(async (machineName) => {
        const machine = await provisioning.connectTo(await store.load(machineName));
        await machine.probeLogin();
        return machine;
      }),
    );
    const target = machines[names.indexOf(selected)];
    if (target === undefined) throw new AppError('internal', `machine ${selected}: not connected`);
    try {
      await controlManagerUnits(machines, 'stop');
      const { stdout } = await work(target, cluster);
      cli.stdout.write(stdout);
    } finally {
      await controlManagerUnits(machines, 'start');
    }
  } finally {
    provisioning.close();
  }
}

export async function controlManagerUnits(
  machines: readonly RemoteMachine[],
  action: 'start' | 'stop',
): Promise<void> {
  await Promise.all(
    machines.map((machine) =>
      machine.run(`${action} the manager`, ['systemctl', action, 'shoal-manager.service']),
    ),
  );
}
