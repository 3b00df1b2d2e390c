import { createReadStream } from 'node:fs';
import { AppError } from '../../manager/common/base/errors.js';
import type { BackupHeader } from '../../manager/common/protocol/backup.js';
import type { Cli } from '../cli.js';
import { remote } from '../inventory/layout.js';
import { MachineStore, storeFolder } from '../inventory/machine-store.js';
import type { RemoteMachine } from '../ssh/remote-machine.js';
import { Workshop } from '../machine/workshop.js';
import { verifyFile } from './backup.js';
import type { StorePlace } from './place.js';

/* Access to the store of managers on other machines over SSH, while the managers are stopped. */

const importTimeoutMs = 10 * 60_000;

export async function importThere(
  cli: Cli,
  file: string,
  flags: StorePlace & { readonly replace: boolean },
): Promise<void> {
  // Verify the file before stopping the managers.
  const { header } = await verifyFile(file);
  await withManagersStopped(cli, flags, async (machine, cluster) => {
    checkBackupOf(file, header, cluster);
    return importOn(machine, file, flags.replace);
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
export function importOn(
  machine: RemoteMachine,
  file: string,
  replace: boolean,
): Promise<{ readonly stdout: string }> {
  const argv = ['store', 'import', '-', '--config', remote.managerSettings];
  return machine.run(
    'restore the store',
    [remote.command, ...argv, ...(replace ? ['--replace'] : [])],
    { stdin: createReadStream(file), timeoutMs: importTimeoutMs },
  );
}

export async function migrateThere(cli: Cli, to: string, flags: StorePlace): Promise<void> {
  await withManagersStopped(cli, flags, (machine) =>
    machine.run(
      `migrate the store to ${to}`,
      [remote.command, 'store', 'migrate', to, '--config', remote.managerSettings],
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
  { machine: named }: StorePlace,
  work: (machine: RemoteMachine, cluster: Cluster) => Promise<{ readonly stdout: string }>,
): Promise<void> {
  const store = new MachineStore(storeFolder(cli.options.storagePath, cli.env));
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
  const workshop = new Workshop({ store, env: cli.env, signal: cli.interrupts.signal });
  try {
    const machines = await Promise.all(
      names.map(async (machineName) => {
        const machine = await workshop.connectTo(await store.load(machineName));
        await machine.probeLogin();
        return machine;
      }),
    );
    const target = machines[names.indexOf(selected)];
    if (target === undefined) throw new AppError('internal', `machine ${selected}: not connected`);
    try {
      await onAll(machines, 'stop');
      const { stdout } = await work(target, cluster);
      cli.stdout.write(stdout);
    } finally {
      await onAll(machines, 'start');
    }
  } finally {
    workshop.close();
  }
}

export async function onAll(
  machines: readonly RemoteMachine[],
  action: 'start' | 'stop',
): Promise<void> {
  await Promise.all(
    machines.map((machine) =>
      machine.run(`${action} the manager`, ['systemctl', action, 'shoal-manager.service']),
    ),
  );
}
