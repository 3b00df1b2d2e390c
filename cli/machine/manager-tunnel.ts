import { AppError } from '../../manager/common/base/errors.js';
import type { ClusterContext } from '../inventory/context.js';
import { probeTcp } from '../inventory/engine-client.js';
import type { MachineRecord } from '../inventory/machine-record.js';
import { MachineStore, resolveStoreFolder } from '../inventory/machine-store.js';
import { managerPort } from '../inventory/remote-paths.js';
import { ProvisionContext } from './provision-context.js';

const probeMs = 1_500;
const sshTimeoutMs = 8_000;

export interface TunnelOptions {
  /** --storage-path. */
  readonly home?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly warn: (line: string) => void;
}

/** Records of the machines with the cluster's managers that SSH reaches. */
async function managerMachines(
  store: MachineStore,
  cluster: string,
): Promise<readonly MachineRecord[]> {
  const record = await store.findCluster(cluster);
  const names = record?.managers.map(({ name }) => name) ?? [];
  const found = await Promise.all(names.map((name) => store.find(name)));
  return found.flatMap((machine) => (machine?.DriverName === 'generic' ? [machine] : []));
}

/** True if a firewall drops packets to every manager. A refused connection is no firewall. */
async function isFiltered(managers: readonly string[]): Promise<boolean> {
  const states = await Promise.all(
    managers.map((url) => {
      const { hostname, port } = new URL(url);
      const host = hostname.replaceAll(/^\[|\]$/gu, '');
      return probeTcp({ host, port: Number(port) }, probeMs);
    }),
  );
  return states.every((state) => state === 'timeout');
}

/** Opens a port of this computer to the first manager that SSH reaches. */
async function openFirst(
  store: MachineStore,
  machines: readonly MachineRecord[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const context = new ProvisionContext({ store, env });
  let failure: unknown = new AppError('not-found', 'the cluster has no machine with SSH here');
  for (const machine of machines) {
    try {
      const session = await context.openSession(context.target(machine), sshTimeoutMs);
      const tunnel = await session.tunnel(managerPort);
      // The tunnel serves the command until the process ends.
      process.once('exit', () => {
        context.close();
      });
      return tunnel.port;
    } catch (error) {
      failure = error;
    }
  }
  context.close();
  throw failure;
}

/**
 * The context with the address of a tunnel, if the cluster is used through SSH: as "cluster use
 * --via ssh" says, or because a firewall drops packets to the managers, which is then recorded.
 */
export async function reachManagers(
  context: ClusterContext,
  { home, env, warn }: TunnelOptions,
): Promise<ClusterContext> {
  if (context.via === 'direct') return context;
  const store = new MachineStore(resolveStoreFolder(home, env));
  const machines = await managerMachines(store, context.name);
  if (context.via === undefined) {
    if (machines.length === 0 || !(await isFiltered(context.managers))) return context;
    try {
      const port = await openFirst(store, machines, env);
      await store.updateCluster(context.name, (seen) =>
        seen === undefined ? undefined : { ...seen, via: 'ssh' },
      );
      warn(
        `cluster ${context.name}: port ${String(managerPort)} is filtered; it is used through ssh from now on ("shoal cluster use ${context.name} --via direct" ends that)`,
      );
      return through(context, port);
    } catch {
      // The managers do not answer on SSH either: the direct call says what is wrong.
      return context;
    }
  }
  return through(context, await openFirst(store, machines, env));
}

function through(context: ClusterContext, port: number): ClusterContext {
  return { ...context, managers: [`https://127.0.0.1:${String(port)}`] };
}
