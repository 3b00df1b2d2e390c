import { shownState } from './shown-state.js';
import type { Node } from '../../common/model/node.js';
import { apiVersion, minApiVersion } from '../api-version.js';
import type { GatewayOptions } from '../context.js';
import type { PlacedContainer } from '../find-container.js';
import type { ClusterRecord } from '../../store/store.js';
import { toSwarmInfo } from './swarm/cluster.js';

type Cluster = GatewayOptions['cluster'];

/** Platform of this manager process. */
export interface Host {
  readonly arch: string;
  readonly kernel: string;
  readonly runtime: string;
  readonly hostname: string;
}

export function toVersion(cluster: Cluster, host: Host): object {
  const version = `shoal/${cluster.version}`;
  return {
    Platform: { Name: `Shoal cluster ${cluster.name}` },
    Components: [
      {
        Name: 'Engine',
        Version: version,
        Details: {
          ApiVersion: apiVersion,
          MinAPIVersion: minApiVersion,
          Arch: host.arch,
          Experimental: 'false',
          GitCommit: '',
          GoVersion: host.runtime,
          KernelVersion: host.kernel,
          Os: 'linux',
        },
      },
    ],
    Version: version,
    ApiVersion: apiVersion,
    MinAPIVersion: minApiVersion,
    GitCommit: '',
    GoVersion: host.runtime,
    Os: 'linux',
    Arch: host.arch,
    KernelVersion: host.kernel,
  };
}

export interface InfoContext {
  readonly cluster: Cluster;
  readonly host: Host;
  readonly nodes: readonly Node[];
  readonly record: ClusterRecord | undefined;
  readonly containers: readonly PlacedContainer[];
  /** Number of distinct images on all nodes. */
  readonly images: number;
  /** ms since the epoch. */
  readonly now: number;
}

/**
 * `GET /info`. `SystemStatus` has a block per node, as in classic Swarm; `docker info` prints it.
 */
export function toInfo(scene: InfoContext): object {
  const { cluster, host, nodes, containers } = scene;
  const ready = nodes.filter(({ status }) => status.state === 'ready');
  const counts = countsOf(containers);
  return {
    ID: cluster.id,
    Name: host.hostname,
    Containers: containers.length,
    ContainersRunning: counts.running,
    ContainersPaused: counts.paused,
    ContainersStopped: counts.stopped,
    Images: scene.images,
    Driver: '',
    DriverStatus: null,
    SystemStatus: systemStatus(scene),
    Plugins: { Volume: ['local'], Network: ['overlay'], Authorization: null, Log: null },
    ...capabilities,
    SystemTime: new Date(scene.now).toISOString(),
    NEventsListener: 0,
    KernelVersion: host.kernel,
    OperatingSystem: `Shoal cluster ${cluster.name}`,
    OSType: 'linux',
    Architecture: host.arch,
    NCPU: Math.round(sum(ready, ({ description }) => description.nanoCpus) / 1e9),
    MemTotal: sum(ready, ({ description }) => description.memoryBytes),
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: null,
    Labels: [],
    ServerVersion: `shoal/${cluster.version}`,
    Swarm: toSwarmInfo({ cluster, record: scene.record }, nodes),
    Isolation: '',
    SecurityOptions: [],
    Warnings: null,
  };
}

const capabilities = {
  ...{ MemoryLimit: true, SwapLimit: true, CpuCfsPeriod: true, CpuCfsQuota: true },
  ...{ CPUShares: true, CPUSet: true, PidsLimit: true, IPv4Forwarding: true },
  ...{ BridgeNfIptables: true, BridgeNfIp6tables: true, OomKillDisable: true },
  ...{ Debug: false, ExperimentalBuild: false },
};

interface Counts {
  readonly running: number;
  readonly paused: number;
  readonly stopped: number;
}

function countsOf(containers: readonly PlacedContainer[]): Counts {
  const states = containers.map(shownState);
  const running = states.filter((state) => state === 'running' || state === 'restarting').length;
  const paused = states.filter((state) => state === 'paused').length;
  return { running, paused, stopped: states.length - running - paused };
}

function systemStatus(scene: InfoContext): readonly (readonly [string, string])[] {
  const { cluster, nodes } = scene;
  return [
    ['Role', 'primary'],
    ['Strategy', cluster.strategy],
    ['Nodes', String(nodes.length)],
    ...[...nodes].sort(byName).flatMap((node) => nodeLines(node, scene)),
  ];
}

function byName(a: Node, b: Node): number {
  return a.spec.name.localeCompare(b.spec.name, 'en', { numeric: true });
}

function nodeLines(
  node: Node,
  { containers }: InfoContext,
): readonly (readonly [string, string])[] {
  const nodeContainers = containers.filter((item) => item.node.id === node.id);
  const { running, paused, stopped } = countsOf(nodeContainers);
  const { description, spec, status } = node;
  const alive = nodeContainers.filter(({ task }) => task.status.state === 'running');
  const reserved = (of: 'nanoCpus' | 'memoryBytes'): number =>
    sum(alive, ({ task }) => task.spec.resources.reservations[of]);
  const labels = Object.entries({ ...description.engineLabels, ...spec.labels });
  const line = (key: string, value: string): readonly [string, string] => [`  └ ${key}`, value];
  return [
    [` ${spec.name}`, `${description.address}:2376`],
    line('ID', node.id),
    line('Status', statusLabel(node)),
    line(
      'Containers',
      `${nodeContainers.length} (${running} Running, ${paused} Paused, ${stopped} Stopped)`,
    ),
    line('Reserved CPUs', `${reserved('nanoCpus') / 1e9} / ${description.nanoCpus / 1e9}`),
    line(
      'Reserved Memory',
      `${gibibytes(reserved('memoryBytes'))} / ${gibibytes(description.memoryBytes)}`,
    ),
    line('Labels', labels.map(([key, value]) => `${key}=${value}`).join(', ')),
    ...(status.message === '' ? [] : [line('Error', status.message)]),
    line('UpdatedAt', new Date(node.updatedAt).toISOString()),
    line('ServerVersion', description.engineVersion),
  ];
}

/** Node status as in classic Swarm, with the availability if it is not active. */
function statusLabel({ status, spec }: Node): string {
  if (status.state === 'unknown') return 'Pending';
  if (status.state === 'down') return 'Unhealthy';
  return spec.availability === 'active' ? 'Healthy' : `Healthy (${spec.availability})`;
}

function gibibytes(bytes: number): string {
  return bytes === 0 ? '0 B' : `${Number((bytes / 2 ** 30).toPrecision(4))} GiB`;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
