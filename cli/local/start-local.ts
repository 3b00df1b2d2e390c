import type { Cli } from '../cli.js';
import { startLocal } from './local-cluster.js';
import { resolveStoreFolder } from '../inventory/machine-store.js';

/** Starts the local cluster if it is not running and reports it on stderr. */
export async function startLocalCluster(cli: Cli): ReturnType<typeof startLocal> {
  return startLocal({
    home: resolveStoreFolder(cli.options.storagePath, cli.env),
    env: cli.env,
    now: cli.now,
    signal: cli.interrupts.signal,
    report: (line) => {
      if (cli.options.progress !== 'quiet') {
        cli.stderr.write(`no cluster is configured: ${line}\n`);
      }
    },
  });
}
