import { isNotFound } from '../../manager/common/base/errors.js';
import type { ControlClient } from '../client/client.js';
import { findCluster } from '../inventory/context.js';
import type { NodeReady } from './provision-batch.js';
import type { ForgetNode } from './remove.js';
import type { MachineGlobals } from '../inventory/machine-globals.js';

/**
 * Runs `body` with a client of the cluster; undefined if the cluster is unknown. Imports the client
 * on demand.
 */
export async function withCluster<T>(
  options: MachineGlobals,
  clusterFlag: string,
  body: (client: ControlClient) => Promise<T>,
): Promise<T | undefined> {
  const { env } = process;
  const context = await findCluster({ home: options.storagePath, clusterFlag, env });
  if (context === undefined) return undefined;
  const { reachManagers } = await import('./manager-tunnel.js');
  const reached = await reachManagers(context, {
    home: options.storagePath,
    env,
    warn: (line) => process.stderr.write(`${line}\n`),
  });
  const { connectTo } = await import('../client/client.js');
  const client = await connectTo(reached);
  try {
    return await body(client);
  } finally {
    client.close();
  }
}

/** Removes a node from its cluster, like `node rm --force`. */
export function forgetNodeIn(options: MachineGlobals): ForgetNode {
  return async (cluster, node) => {
    await withCluster(options, cluster, async (client) =>
      client.call('node.remove', { node, force: true }),
    );
  };
}

/** Removes a manager from its cluster; a manager that is no longer listed counts as removed. */
export function forgetManagerIn(options: MachineGlobals): ForgetNode {
  return async (cluster, nodeId) => {
    await withCluster(options, cluster, async (client) => {
      try {
        await client.call('manager.remove', { nodeId });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    });
  };
}

/** Checks whether a cluster's manager reports a node as ready. */
export function nodeReadyIn(options: MachineGlobals): NodeReady {
  return async (cluster, nodeId) => {
    const nodes = await withCluster(options, cluster, async (client) =>
      client.call('node.list', {}, { timeoutMs: 5000 }),
    );
    return nodes?.some(({ id, status }) => id === nodeId && status.state === 'ready') ?? false;
  };
}
