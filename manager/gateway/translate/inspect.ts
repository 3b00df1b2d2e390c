import type { Fields } from '../../common/base/decode.js';
import {
  anything,
  array,
  decode,
  dictionary,
  fields,
  isFields,
  nullable,
  object,
  optionalOrNull,
  orElse,
  string,
} from '../../common/base/decode.js';
import type { HealthcheckSpec } from '../../common/model/container.js';
import type { ContainerState } from '../../common/model/container-state.js';
import { isWildcardAddress } from '../../common/model/published-ports.js';
import type { PlacedContainer } from '../find-container.js';
import type { ContainerContext } from './container.js';
import { endpointsOf } from './container.js';
import { labelsOf } from './labels.js';
import { isActive, shownState } from './shown-state.js';

interface EnginePort {
  readonly HostIp: string;
  readonly HostPort: string;
}

const enginePorts = orElse(
  dictionary(nullable(array(object<EnginePort>({ HostIp: string, HostPort: string })))),
  {},
);

/** The fields of an engine's record that are changed here; all others pass through unchanged. */
interface EngineParts {
  readonly Config: Fields;
  readonly HostConfig: Fields;
  readonly Mounts: readonly unknown[] | undefined;
  readonly NetworkSettings: Fields | undefined;
}

const changedFields = object<EngineParts>({
  Config: orElse(fields, {}),
  HostConfig: orElse(fields, {}),
  Mounts: optionalOrNull(array(anything)),
  NetworkSettings: optionalOrNull(fields),
});

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

/**
 * Adds the node to an engine's record and sets the node's address on published ports. Throws
 * `invalid` for a record that is none.
 */
export function withNodeDetails(
  record: unknown,
  item: PlacedContainer,
  scene: ContainerContext,
): object {
  const source = `node ${item.node.spec.name}: record of container ${item.containerId}`;
  const engine = decode(record, changedFields, source);
  const settings = engine.NetworkSettings;
  const { origin } = item.task.spec.container;
  return {
    ...decode(record, fields, source),
    ...(origin === undefined ? {} : clientsView(engine, item, origin.autoRemove)),
    Name: `/${item.task.containerName}`,
    Config: { ...engine.Config, Labels: labelsOf(item, scene.clusterId) },
    ...(settings === undefined
      ? {}
      : {
          NetworkSettings: {
            ...settings,
            Ports: withNodeAddress(decode(settings.Ports, enginePorts, source), item),
            ...withAliases(settings, item),
          },
        }),
    Node: toNode(item),
  };
}

/** The parts of a client's container without the mounts that its node has added. */
function clientsView(
  { HostConfig, Mounts }: EngineParts,
  { task }: PlacedContainer,
  autoRemove: boolean,
): object {
  const { Mounts: wanted, ...host } = HostConfig;
  const asked = (Array.isArray(wanted) ? wanted : []).filter((mount) => !isNodesMount(mount));
  const isDefault = host.NetworkMode === 'bridge' && task.attachments.length === 0;
  return {
    HostConfig: {
      ...host,
      ...(isDefault ? { NetworkMode: 'default' } : {}),
      ...(asked.length === 0 ? {} : { Mounts: asked }),
      AutoRemove: autoRemove,
    },
    Mounts: (Mounts ?? []).filter((mount) => !isNodesMount(mount)),
  };
}

/** A file of the worker, or a volume that has no name for the client. */
function isNodesMount(mount: unknown): boolean {
  if (!isFields(mount)) return false;
  const { Source, Type, Target, Destination = Target } = mount;
  if (Destination === '/etc/resolv.conf') return String(Source).endsWith('/resolv.conf');
  return Target !== undefined && Type === 'volume' && /^[0-9a-f]{64}$/u.test(String(Source));
}

/** The cluster's own name server has the aliases of cluster networks, not the engine. */
function withAliases(settings: Fields, { task }: PlacedContainer): object {
  if (!isFields(settings.Networks)) return {};
  const aliases = new Map(task.attachments.map((each) => [each.network, each.aliases]));
  const networks = Object.entries(settings.Networks).map(([name, endpoint]) => {
    const own = aliases.get(name);
    return [
      name,
      own === undefined || !isFields(endpoint) ? endpoint : { ...endpoint, Aliases: own },
    ];
  });
  return { Networks: Object.fromEntries(networks) as unknown };
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
  const state = shownState(item);
  return {
    Id: containerId,
    Created: stamp(task.createdAt),
    Path: path,
    Args: args,
    State: {
      Status: state,
      Running: isActive(state),
      Paused: state === 'paused',
      Restarting: state === 'restarting',
      OOMKilled: false,
      Dead: state === 'dead',
      Pid: 0,
      ExitCode: status.exitCode ?? 0,
      Error: status.error ?? `node ${node.spec.name} is ${node.status.state}`,
      StartedAt: stamp(status.startedAt),
      FinishedAt: stamp(state === 'exited' ? status.at : undefined),
      ...healthOf(item, state),
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
      ...healthcheckOf(spec.container.healthcheck),
      Labels: labelsOf(item, scene.clusterId),
    },
    NetworkSettings: { Ports: {}, Networks: endpointsOf(task.attachments, scene.view) },
    Node: toNode(item),
  };
}

/** The last health that the node reported; a lost container is not healthy. */
function healthOf({ task: { status, spec } }: PlacedContainer, state: ContainerState): object {
  if (spec.container.healthcheck === undefined && status.health === undefined) return {};
  const Status = state === 'dead' ? 'unhealthy' : (status.health ?? 'starting');
  return { Health: { Status, FailingStreak: 0, Log: [] } };
}

const nanosPerMs = 1_000_000;

function healthcheckOf(check: HealthcheckSpec | undefined): object {
  if (check === undefined) return {};
  const nanos = (ms = 0): number => ms * nanosPerMs;
  return {
    Healthcheck: {
      ...(check.test === undefined ? {} : { Test: check.test }),
      Interval: nanos(check.intervalMs),
      Timeout: nanos(check.timeoutMs),
      StartPeriod: nanos(check.startPeriodMs),
      StartInterval: nanos(check.startIntervalMs),
      Retries: check.retries ?? 0,
    },
  };
}

/** RFC 3339 time; the Docker Engine's zero time (year 1) if undefined. */
function stamp(at: number | undefined): string {
  return at === undefined ? '0001-01-01T00:00:00Z' : new Date(at).toISOString();
}
