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

/* The store of managers on machines of ours, over SSH: they are stopped for as long as it takes. */

const importTimeoutMs = 10 * 60_000;

export async function importThere(
  cli: Cli,
  file: string,
  flags: StorePlace & { readonly replace: boolean },
): Promise<void> {
  // Before anything is stopped.
  const { header } = await verifyFile(file);
  await withManagersStopped(cli, flags, async (machine, cluster) => {
    checkBackupOf(file, header, cluster);
    return importOn(machine, file, flags.replace);
  });
}

/** Throws `conflict` for a backup of another cluster. */
export function checkBackupOf(file: string, header: BackupHeader, cluster: Cluster): void {
  if (header.clusterId === cluster.id) return;
  throw new AppError(
    'conflict',
    `${file} is of cluster ${header.clusterName} (${header.clusterId}), not of ${cluster.name} (${cluster.id})`,
  );
}

/** Fills the store of a manager that does not run. */
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
      `move the store to ${to}`,
      [remote.command, 'store', 'migrate', to, '--config', remote.managerSettings],
      { timeoutMs: importTimeoutMs },
    ),
  );
}

interface Cluster {
  readonly id: string;
  readonly name: string;
}

/** What goes wrong meanwhile is told after the managers have been started again. */
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
      'no cluster of machines is configured: name one with --cluster, or a manager of this machine with --config',
    );
  }
  const names = cluster.managers.map((manager) => manager.name);
  const chosen = named ?? names[0] ?? '';
  if (!names.includes(chosen)) {
    throw new AppError('not-found', `no manager of cluster ${name} runs on machine ${chosen}`);
  }
  const workshop = new Workshop({ store, env: cli.env, signal: cli.interrupts.signal });
  try {
    const machines = await Promise.all(
      names.map(async (each) => {
        const machine = await workshop.connectTo(await store.load(each));
        await machine.probeLogin();
        return machine;
      }),
    );
    const target = machines[names.indexOf(chosen)];
    if (target === undefined) throw new AppError('internal', `machine ${chosen} is not there`);
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
