import { join } from 'node:path';
import { connectTo } from '../../cli/client/client.js';
import type { ControlClient } from '../../cli/client/client.js';
import { findCluster } from '../../cli/inventory/context.js';
import { findConsul } from '../../fixtures/consul/program.js';
import type { Lab } from '../../fixtures/lab/lab.js';
import type { Machine } from '../../fixtures/lab/machine.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import { AppError } from '../../manager/common/base/errors.js';
import type { BenchCluster } from '../bench/cluster.js';
import { loadBusyboxImage } from '../bench/start.js';
import type { ClusterKind } from './options.js';
import { differences, observe } from './machine-observation.js';
import { sharedNetwork, probeProject, faultsProject } from './projects.js';

export const nodes = ['node-1', 'node-2', 'node-3'] as const;

/** A cluster on lab machines with the two projects, and its current leaders. */
export class FaultCluster {
  readonly cluster: BenchCluster;
  readonly kind: ClusterKind;
  readonly client: ControlClient;
  /** The folder for commands on the project `faults`. */
  readonly folder: string;

  private constructor(
    cluster: BenchCluster,
    kind: ClusterKind,
    parts: { readonly client: ControlClient; readonly folder: string },
  ) {
    this.cluster = cluster;
    this.kind = kind;
    this.client = parts.client;
    this.folder = parts.folder;
  }

  static async make(cluster: BenchCluster, kind: ClusterKind): Promise<FaultCluster> {
    if (kind === 'consul') {
      const consul = await findConsul(true);
      if ('missing' in consul) throw new AppError('unsupported', consul.missing);
      const flags = ['--swarm-managers', '3', '--consul-server', '--consul-binary', consul.path];
      await cluster.up(nodes.length, flags);
    } else await cluster.up(nodes.length);
    await loadBusyboxImage(cluster);
    const context = await findCluster({ home: cluster.home, env: {} });
    if (context === undefined) throw new AppError('internal', 'the cluster has no record');
    const client = await connectTo(context);
    await cluster.shoal(['network', 'create', sharedNetwork]);
    const watch = await cluster.project('watch', probeProject);
    await cluster.shoal(['up', '-d', '--wait'], watch);
    const folder = await cluster.project('faults', faultsProject);
    return new FaultCluster(cluster, kind, { client, folder });
  }

  get lab(): Lab {
    return this.cluster.lab;
  }

  machine(name: string): Machine {
    return this.lab.machine(name);
  }

  /** Removes both projects; throws if anything is left on a machine. */
  async remove(): Promise<void> {
    const { cluster } = this;
    // The manager may still be starting after the last fault.
    const isDown = async () => (await cluster.try(['down'], this.folder)).code === 0;
    await waitFor('shoal down', isDown, { intervalMs: 500 });
    await cluster.shoal(['down'], join(cluster.home, 'watch'));
    await cluster.shoal(['network', 'rm', sharedNetwork]);
    let left: readonly string[] = [];
    const isEmpty = async (): Promise<boolean> => {
      const machines = nodes.map((name) => observe(this.machine(name)));
      left = differences({ keep: 0, target: 0, tide: 0, probe: 0 }, await Promise.all(machines));
      return left.length === 0;
    };
    await waitFor('the machines to be empty', isEmpty).catch((error: unknown) => {
      throw new AppError('internal', `left after the teardown: ${left.join(', ')}`, {
        cause: error,
      });
    });
  }

  /** The machine of the leading manager. */
  async leader(): Promise<string> {
    if (this.kind === 'embedded') return nodes[0];
    return waitFor('a leading manager', async () => {
      const managers = await this.client.call('manager.list', {});
      return this.#at(managers.find((manager) => manager.leader)?.address);
    });
  }

  /** The machine of the leading Consul server. */
  async consulLeader(): Promise<string> {
    const url = 'http://127.0.0.1:8500/v1/status/leader';
    return waitFor('a leading consul server', async () => {
      const { stdout } = await this.machine(nodes[0]).exec(['curl', '-fsS', '-m', '2', url]);
      return this.#at(stdout.trim().replaceAll('"', ''));
    });
  }

  #at(address = ''): string | undefined {
    const [host] = address.split(':');
    return nodes.find((name) => this.machine(name).address === host);
  }
}
