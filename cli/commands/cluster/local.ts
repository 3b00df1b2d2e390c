import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Cli } from '../../cli.js';
import { localStatus, removeLocal, stopLocal } from '../../local/local-cluster.js';
import { resolveStoreFolder } from '../../inventory/machine-store.js';
import { startLocalCluster } from '../../local/start-local.js';

export function localCommand(cli: Cli): Command {
  const home = (): string => resolveStoreFolder(cli.options.storagePath, cli.env);
  return new Command('local')
    .description(
      "Manage the local cluster on this computer's engine, the default if no cluster is configured",
    )
    .addCommand(
      new Command('start')
        .description('Start its manager and worker; "shoal up" also does this')
        .action(async () => {
          await startLocalCluster(cli);
          cli.stdout.write('running\n');
        }),
    )
    .addCommand(
      new Command('stop')
        .description('Stop its manager and worker; containers keep running')
        .action(async () => {
          const stopped = await stopLocal(home());
          cli.stdout.write(stopped.length === 0 ? 'not running\n' : 'stopped\n');
        }),
    )
    .addCommand(
      new Command('status').description('Show whether it is running').action(async () => {
        const { record, managerPid, workerPid } = await localStatus(home());
        if (record === undefined) {
          throw new AppError('not-found', 'no local cluster exists; create one with "shoal up"');
        }
        const text = (pid: number | undefined): string =>
          pid === undefined ? 'not running' : `running (pid ${pid})`;
        cli.stdout.write(`manager: ${text(managerPid)}, https://127.0.0.1:${record.port}\n`);
        cli.stdout.write(`worker: ${text(workerPid)}, data plane ${record.dataPlane}\n`);
      }),
    )
    .addCommand(
      new Command('rm')
        .description('Stop it and remove its containers, networks and records')
        .action(async () => {
          await removeLocal(home());
          cli.stdout.write('removed\n');
        }),
    );
}
