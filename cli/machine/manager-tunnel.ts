import { join } from 'node:path';
import { AppError } from '../../manager/common/base/errors.js';
import type { ClusterContext } from '../inventory/context.js';
import { probeTcp } from '../inventory/engine-client.js';
import type { MachineRecord } from '../inventory/machine-record.js';
import { MachineStore, resolveStoreFolder } from '../inventory/machine-store.js';
import { managerPort } from '../inventory/remote-paths.js';
import type { SshSession } from '../ssh/ssh.js';
import { ProvisionContext } from './provision-context.js';

const probeMs = 1_500;
const sshTimeoutMs = 8_000;

export interface TunnelOptions {
  /** --storage-path. */
  readonly home?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
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

/**
 * True if a firewall drops packets to every manager; a single answer ends the wait. A refused
 * connection is no firewall.
 */
export async function isFiltered(
  managers: readonly string[],
  probe: typeof probeTcp = probeTcp,
): Promise<boolean> {
  const answers = managers.map(async (url) => {
    const { hostname, port } = new URL(url);
    const host = hostname.replaceAll(/^\[|\]$/gu, '');
    const state = await probe({ host, port: Number(port) }, probeMs);
    if (state === 'timeout') throw new Error(`${url}: timed out`);
  });
  return Promise.any(answers).then(
    () => false,
    () => true,
  );
}

interface ManagerTunnel {
  readonly port: number;
  readonly session: SshSession;
  close(): void;
}

/** Opens a port of this computer to the first manager that SSH reaches, until the process exits. */
async function openFirst(
  store: MachineStore,
  machines: readonly MachineRecord[],
  { env, signal }: TunnelOptions,
): Promise<ManagerTunnel> {
  const context = new ProvisionContext({ store, env, signal });
  let failure: unknown = new AppError('not-found', 'the cluster has no machine with SSH here');
  for (const machine of machines) {
    try {
      const session = await context.openSession(context.target(machine), sshTimeoutMs);
      const tunnel = await session.tunnel(managerPort);
      const close = (): void => {
        tunnel.close();
        context.close();
      };
      return { port: tunnel.port, session, close };
    } catch (error) {
      signal?.throwIfAborted();
      failure = error;
    }
  }
  context.close();
  throw failure;
}

/** The tunnel of each cluster, which the calls of a command share while its connection lasts. */
const tunnels = new Map<string, Promise<ManagerTunnel>>();

async function tunnelPort(
  cluster: string,
  machines: readonly MachineRecord[],
  store: MachineStore,
  options: TunnelOptions,
): Promise<number> {
  const key = join(store.home, cluster);
  const last = tunnels.get(key);
  const next = async (): Promise<ManagerTunnel> => {
    // A failure was thrown to its own caller; this call tries again.
    const known = await last?.catch(() => undefined);
    if (known?.session.isAlive === true) return known;
    known?.close();
    return openFirst(store, machines, options);
  };
  const tunnel = next();
  tunnels.set(key, tunnel);
  return (await tunnel).port;
}

/**
 * The context with the address of a tunnel, if the cluster is used through SSH: as "cluster use
 * --via ssh" says, or because a firewall drops packets to the managers, which is then recorded.
 */
export async function reachManagers(
  context: ClusterContext,
  options: TunnelOptions,
): Promise<ClusterContext> {
  const { home, env, warn } = options;
  if (context.via === 'direct') return context;
  const store = new MachineStore(resolveStoreFolder(home, env));
  const machines = await managerMachines(store, context.name);
  if (context.via === undefined) {
    if (machines.length === 0 || !(await isFiltered(context.managers))) return context;
    try {
      const port = await tunnelPort(context.name, machines, store, options);
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
  return through(context, await tunnelPort(context.name, machines, store, options));
}

function through(context: ClusterContext, port: number): ClusterContext {
  return { ...context, managers: [`https://127.0.0.1:${String(port)}`] };
}
