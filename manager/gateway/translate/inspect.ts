import { containerState } from '../../common/model/container-state.js';
import { isEverywhere } from '../../common/model/published-ports.js';
import type { Placed } from '../find-container.js';
import type { ContainerScene } from './container.js';
import { endpointsOf } from './container.js';
import { labelsOf } from './labels.js';

/** What of an engine's record is looked at here; all else goes on as it came. */
interface EngineRecord {
  readonly Config?: object;
  readonly NetworkSettings?: {
    readonly Ports?: Readonly<Record<string, readonly EnginePort[] | null>> | null;
  };
}

interface EnginePort {
  readonly HostIp: string;
  readonly HostPort: string;
}

/** The node, as classic Swarm told it. */
function toNode({ node }: Placed): object {
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

/** The engine's own record with its node; published ports have the node's address. */
export function decorate(record: unknown, item: Placed, scene: ContainerScene): object {
  const engine = record as EngineRecord;
  const settings = engine.NetworkSettings;
  return {
    ...engine,
    Name: `/${item.task.containerName}`,
    Config: { ...engine.Config, Labels: labelsOf(item, scene.clusterId) },
    ...(settings === undefined
      ? {}
      : {
          NetworkSettings: { ...settings, Ports: atNode(settings.Ports ?? {}, item) },
        }),
    Node: toNode(item),
  };
}

function atNode(
  ports: Readonly<Record<string, readonly EnginePort[] | null>>,
  { node }: Placed,
): object {
  const { address } = node.description;
  return Object.fromEntries(
    Object.entries(ports).map(([target, bindings]) => {
      const moved = (bindings ?? []).map(({ HostIp, HostPort }) => ({
        HostIp: isEverywhere(HostIp) ? address : HostIp,
        HostPort,
      }));
      // For IPv4 and IPv6 apart: behind the node's address they are one.
      const byText = new Map(moved.map((port) => [`${port.HostIp} ${port.HostPort}`, port]));
      return [target, bindings && [...byText.values()]];
    }),
  );
}

/** What the cluster knows by itself of a container whose node does not answer. */
export function fromRecord(item: Placed, scene: ContainerScene): object {
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

/** Year 1 is the engine's word for never. */
function stamp(at: number | undefined): string {
  return at === undefined ? '0001-01-01T00:00:00Z' : new Date(at).toISOString();
}
