import { containerState } from '../../common/model/container-state.js';
import { isWildcardAddress } from '../../common/model/published-ports.js';
import type { PlacedContainer } from '../find-container.js';
import type { ContainerContext } from './container.js';
import { endpointsOf } from './container.js';
import { labelsOf } from './labels.js';

/** The fields of an engine's record that are changed here; all others pass through unchanged. */
interface EngineRecord {
  readonly Config?: object;
  readonly HostConfig?: object;
  readonly NetworkSettings?: {
    readonly Ports?: Readonly<Record<string, readonly EnginePort[] | null>> | null;
  };
}

interface EnginePort {
  readonly HostIp: string;
  readonly HostPort: string;
}

/** The `Node` object in the format of classic Swarm. */
function toNode({ node }: PlacedContainer): object {
  const { description, spec } = node;
  return {
    ID: node.id,
    IP: description.address,
    Addr: `${description.address}:2376`,
    Name: spec.name,
    Cpus: Math.round(description.nanoCpus / 1e9),
    Memory: description.memoryBytes,
    Labels: { ...description.engineLabels, ...spec.labels },
  };
}

/** Adds the node to an engine's record and sets the node's address on published ports. */
export function withNodeDetails(
  record: unknown,
  item: PlacedContainer,
  scene: ContainerContext,
): object {
  const engine = record as EngineRecord;
  const settings = engine.NetworkSettings;
  const { origin } = item.task.spec.container;
  return {
    ...engine,
    ...(origin === undefined
      ? {}
      : { HostConfig: { ...engine.HostConfig, AutoRemove: origin.autoRemove } }),
    Name: `/${item.task.containerName}`,
    Config: { ...engine.Config, Labels: labelsOf(item, scene.clusterId) },
    ...(settings === undefined
      ? {}
      : {
          NetworkSettings: { ...settings, Ports: withNodeAddress(settings.Ports ?? {}, item) },
        }),
    Node: toNode(item),
  };
}

function withNodeAddress(
  ports: Readonly<Record<string, readonly EnginePort[] | null>>,
  { node }: PlacedContainer,
): object {
  const { address } = node.description;
  return Object.fromEntries(
    Object.entries(ports).map(([target, bindings]) => {
      const moved = (bindings ?? []).map(({ HostIp, HostPort }) => ({
        HostIp: isWildcardAddress(HostIp) ? address : HostIp,
        HostPort,
      }));
      // The engine lists IPv4 and IPv6 bindings separately; with the node's address they are equal.
      const byText = new Map(moved.map((port) => [`${port.HostIp} ${port.HostPort}`, port]));
      return [target, bindings && [...byText.values()]];
    }),
  );
}

/** Builds an inspect record from the store, for a container whose node does not answer. */
export function inspectFromStore(item: PlacedContainer, scene: ContainerContext): object {
  const { task, node, containerId } = item;
  const { status, spec } = task;
  const [path = '', ...args] = status.command ?? spec.container.command ?? [];
  const state = containerState(task);
  return {
    Id: containerId,
    Created: stamp(task.createdAt),
    Path: path,
    Args: args,
    State: {
      Status: state,
      Running: ['running', 'paused', 'restarting'].includes(state),
      Paused: state === 'paused',
      Restarting: state === 'restarting',
      OOMKilled: false,
      Dead: state === 'dead',
      Pid: 0,
      ExitCode: status.exitCode ?? 0,
      Error: status.error ?? `node ${node.spec.name} is ${node.status.state}`,
      StartedAt: stamp(status.startedAt),
      FinishedAt: stamp(state === 'exited' ? status.at : undefined),
    },
    Image: status.imageId ?? '',
    Name: `/${task.containerName}`,
    RestartCount: status.restarts ?? 0,
    Driver: '',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: null,
    HostConfig: spec.container.hostConfig,
    Mounts: [],
    Config: {
      ...spec.container.config,
      Image: spec.container.image,
      Cmd: spec.container.command ?? null,
      Entrypoint: spec.container.entrypoint ?? null,
      Env: Object.entries(spec.container.env).map(([name, value]) => `${name}=${value ?? ''}`),
      Tty: spec.container.tty,
      OpenStdin: spec.container.stdinOpen,
      Labels: labelsOf(item, scene.clusterId),
    },
    NetworkSettings: { Ports: {}, Networks: endpointsOf(task.attachments, scene.view) },
    Node: toNode(item),
  };
}

/** RFC 3339 time; the Docker Engine's zero time (year 1) if undefined. */
function stamp(at: number | undefined): string {
  return at === undefined ? '0001-01-01T00:00:00Z' : new Date(at).toISOString();
}
