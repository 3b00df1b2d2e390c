import type {
  PortSpec,
  Resources,
  RestartPolicy,
  ServiceMode,
  ServiceSpec,
  TaskSpec,
  UpdateConfig,
} from '../../../common/model/service.js';
import type { ObjectNames } from './container.js';
import { toSwarmContainer } from './container.js';
import { compact, withStack } from './object.js';

const nanosPerMs = 1_000_000;

/** A service's spec as Swarm mode has it; what that API cannot express is left out. */
export function toSwarmSpec(spec: ServiceSpec, forceUpdate: number, names: ObjectNames): object {
  const { name, project, labels, mode, task, update, rollback } = spec;
  return {
    Name: name,
    Labels: withStack(project, labels),
    TaskTemplate: toTaskTemplate(task, { project, names, forceUpdate }),
    Mode: toSwarmMode(mode),
    ...(update === undefined ? {} : { UpdateConfig: toUpdateConfig(update) }),
    ...(rollback === undefined ? {} : { RollbackConfig: toUpdateConfig(rollback) }),
    EndpointSpec: toEndpointSpec(spec),
  };
}

export function toEndpointSpec({ endpointMode, task }: ServiceSpec): object {
  return { Mode: endpointMode, ...compact({ Ports: task.ports.map(toPort) }) };
}

interface TemplateContext {
  readonly project: string;
  readonly names: ObjectNames;
  readonly forceUpdate: number;
}

export function toTaskTemplate(
  task: TaskSpec,
  { project, names, forceUpdate }: TemplateContext,
): object {
  const { networkMode } = task.container;
  const own = networkMode.kind === 'host' || networkMode.kind === 'none' ? [networkMode.kind] : [];
  return {
    ContainerSpec: toSwarmContainer(task.container, { project, names }),
    ...compact({ Resources: toResources(task.resources) }),
    ...(task.restart === undefined ? {} : { RestartPolicy: toRestartPolicy(task.restart) }),
    Placement: compact({
      Constraints: task.placement.constraints,
      Preferences: task.placement.preferences.map((key) => ({ Spread: { SpreadDescriptor: key } })),
      MaxReplicas:
        task.placement.maxReplicasPerNode === 0 ? undefined : task.placement.maxReplicasPerNode,
    }),
    ...compact({
      Networks: [
        ...own.map((target) => ({ Target: target })),
        ...task.networks.map(({ network, aliases, driverOpts }) =>
          compact({
            Target: names.networkByName(network)?.id ?? network,
            Aliases: aliases,
            DriverOpts: driverOpts,
          }),
        ),
      ],
      LogDriver: toLogDriver(task),
    }),
    ForceUpdate: forceUpdate,
    Runtime: 'container',
  };
}

function toLogDriver({ container }: TaskSpec): object {
  const log = container.hostConfig.LogConfig;
  if (typeof log !== 'object' || log === null || !('Type' in log)) return {};
  return compact({ Name: log.Type, Options: log.Config });
}

function toResources({ limits, reservations }: Resources): object {
  return compact({
    Limits: compact({
      NanoCPUs: limits.nanoCpus,
      MemoryBytes: limits.memoryBytes,
      Pids: limits.pids,
    }),
    Reservations: compact({
      NanoCPUs: reservations.nanoCpus === 0 ? undefined : reservations.nanoCpus,
      MemoryBytes: reservations.memoryBytes === 0 ? undefined : reservations.memoryBytes,
    }),
  });
}

function toRestartPolicy({ condition, delayMs, maxAttempts, windowMs }: RestartPolicy): object {
  return {
    Condition: condition,
    Delay: delayMs * nanosPerMs,
    MaxAttempts: maxAttempts,
    ...(windowMs === 0 ? {} : { Window: windowMs * nanosPerMs }),
  };
}

function toSwarmMode(mode: ServiceMode): object {
  if (mode.kind === 'global') return mode.job === true ? { GlobalJob: {} } : { Global: {} };
  if (mode.job !== true) return { Replicated: { Replicas: mode.replicas } };
  const { replicas, maxConcurrent = replicas } = mode;
  return { ReplicatedJob: { MaxConcurrent: maxConcurrent, TotalCompletions: replicas } };
}

function toUpdateConfig(config: UpdateConfig): object {
  return {
    Parallelism: config.parallelism,
    ...(config.delayMs === 0 ? {} : { Delay: config.delayMs * nanosPerMs }),
    FailureAction: config.failureAction,
    Monitor: config.monitorMs * nanosPerMs,
    MaxFailureRatio: config.maxFailureRatio,
    Order: config.order,
  };
}

export function toPort({ target, protocol, published, mode }: PortSpec): object {
  return {
    Protocol: protocol,
    TargetPort: target,
    ...(published === undefined ? {} : { PublishedPort: published }),
    PublishMode: mode,
  };
}
