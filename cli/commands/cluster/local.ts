import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Cli } from '../../cli.js';
import { localStatus, removeLocal, startLocal, stopLocal } from '../../local/local-cluster.js';
import { storeFolder } from '../../inventory/machine-store.js';

export function localCommand(cli: Cli): Command {
  const home = (): string => storeFolder(cli.options.storagePath, cli.env);
  return new Command('local')
    .description("The cluster of this computer's own engine, used while no other is configured")
    .addCommand(
      new Command('start')
        .description('start its manager and worker; "shoal up" does it too')
        .action(async () => {
          await startLocalCluster(cli);
          cli.stdout.write('running\n');
        }),
    )
    .addCommand(
      new Command('stop')
        .description('stop its manager and worker; containers go on')
        .action(async () => {
          const stopped = await stopLocal(home());
          cli.stdout.write(stopped.length === 0 ? 'not running\n' : 'stopped\n');
        }),
    )
    .addCommand(
      new Command('status').description('show whether it runs').action(async () => {
        const { record, managerPid, workerPid } = await localStatus(home());
        if (record === undefined) {
          throw new AppError('not-found', 'there is no local cluster; "shoal up" makes one');
        }
        const text = (pid: number | undefined): string =>
          pid === undefined ? 'not running' : `running (pid ${pid})`;
        cli.stdout.write(`manager: ${text(managerPid)}, https://127.0.0.1:${record.port}\n`);
        cli.stdout.write(`worker: ${text(workerPid)}, data plane ${record.dataPlane}\n`);
      }),
    )
    .addCommand(
      new Command('rm')
        .description('stop it and remove its containers, networks and records')
        .action(async () => {
          await removeLocal(home());
          cli.stdout.write('removed\n');
        }),
    );
}

/** Starts it when it does not run, and says so. */
export async function startLocalCluster(cli: Cli): ReturnType<typeof startLocal> {
  return startLocal({
    home: storeFolder(cli.options.storagePath, cli.env),
    env: cli.env,
    now: cli.now,
    signal: cli.interrupts.signal,
    say: (line) => {
      if (cli.options.progress !== 'quiet') {
        cli.stderr.write(`no cluster is configured: ${line}\n`);
      }
    },
  });
}
