import { AppError } from '../../manager/common/base/errors.js';
import type { Cli, ClusterConnectOptions } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import { connectTo, HttpsControlClient } from '../client/client.js';
import type { ClusterContext } from '../inventory/context.js';
import { findCluster } from '../inventory/context.js';
import { localName } from './layout.js';

/**
 * Connects to the configured cluster, or to this computer's local cluster if none is configured;
 * `startLocal` starts the local cluster if it is not running. Throws `not-found` if there is
 * neither. `reach` replaces the managers' addresses where others lead to them. Renews the certificate of an imported cluster before it expires.
 */
export async function connect(
  cli: Cli,
  options: ClusterConnectOptions,
  reach: (context: ClusterContext) => Promise<ClusterContext>,
): Promise<ControlClient> {
  const context = await reach(await contextFor(cli, options));
  if (context.client !== undefined && cli.options.dryRun !== true) {
    const { renewCertificate } = await import('../client/renew-certificate.js');
    await renewCertificate(context, {
      nowMs: cli.now(),
      warn: (line) => cli.stderr.write(`${line}\n`),
      connect: (tls) => new HttpsControlClient(context, tls),
    });
  }
  return connectTo(context);
}

/** Addresses and certificate paths of the cluster to act on; same rules as `connect`. */
export async function contextFor(
  cli: Cli,
  options: ClusterConnectOptions,
): Promise<ClusterContext> {
  const named = cli.options.cluster ?? cli.env.SHOAL_CLUSTER;
  if (named !== localName) {
    const context = await findCluster({
      home: cli.options.storagePath,
      clusterFlag: cli.options.cluster,
      env: cli.env,
    });
    if (context !== undefined) return context;
  }
  if (options.startLocal === true) {
    const { startLocalCluster } = await import('./start-local.js');
    return startLocalCluster(cli);
  }
  const { runningLocal } = await import('./local-cluster.js');
  const { resolveStoreFolder } = await import('../inventory/machine-store.js');
  const local = await runningLocal(resolveStoreFolder(cli.options.storagePath, cli.env));
  if (local !== undefined) return local;
  throw new AppError(
    'not-found',
    'no cluster is configured and none runs here: "shoal up" or "shoal local start" starts one for this computer, "shoal machine create --swarm --swarm-master" makes one of machines',
  );
}
