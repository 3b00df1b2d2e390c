import { hashOf } from '../../../common/base/canonical.js';
import { AppError } from '../../../common/base/errors.js';
import { parseConstraint } from '../../../common/model/constraint.js';
import type { NetworkMode } from '../../../common/model/container.js';
import type { VolumeSpec } from '../../../common/model/network.js';
import type {
  NetworkAttachmentSpec,
  Placement,
  PortSpec,
  Resources,
  RestartPolicy,
  ServiceMode,
  ServiceSpec,
  TaskSpec,
  UpdateConfig,
} from '../../../common/model/service.js';
import { withoutStack } from '../../translate/swarm/object.js';
import { planContainer } from './container.js';
import { invalidArgument, placeOf } from './names.js';
import type {
  AttachmentBody,
  ModeBody,
  PlacementBody,
  PortBody,
  ResourcesBody,
  RestartBody,
  ServiceBody,
  TemplateBody,
  UpdateBody,
} from './service-body.js';

const nanosPerMs = 1_000_000;

export interface ServicePlan {
  readonly spec: ServiceSpec;
  /** Volumes that the service mounts by name. */
  readonly volumes: readonly VolumeSpec[];
  /** `ForceUpdate`: a greater number than the service's replaces its tasks. */
  readonly forceUpdate: number;
}

/**
 * Translates Swarm mode's service spec. `networkName` finds a network by id or name, `known` is the
 * service that it updates. Throws `invalid` with Swarm mode's words, or `unsupported` with the name
 * of the field.
 */
export function planService(
  body: ServiceBody,
  networkName: (reference: string) => string,
  known?: ServiceSpec,
): ServicePlan {
  const { Name: name = '', Labels: labels = {}, TaskTemplate: template = {} } = body;
  const place = known === undefined ? placeOf(name, labels) : placeIn(known);
  const mode = modeOf(body.Mode ?? {});
  const { Mode: endpoint = '', Ports: bodies = [] } = body.EndpointSpec ?? {};
  const ports = bodies.map(portOf);
  const { task, volumes } = planTask(body, {
    ...{ project: place.project, isJob: mode.job === true, ports, networkName },
  });
  return {
    volumes,
    forceUpdate: template.ForceUpdate ?? 0,
    spec: {
      ...{ ...place, labels: withoutStack(place.project, labels), mode, task },
      ...{ dependsOn: [], endpointMode: endpointModeOf(endpoint, ports), halted: false },
      ...updatesOf(body, mode),
      configHash: hashOf(task.container).slice(0, 32),
    },
  };
}

interface TaskContext {
  readonly project: string;
  readonly isJob: boolean;
  readonly ports: readonly PortSpec[];
  readonly networkName: (reference: string) => string;
}

function planTask(
  { TaskTemplate: template = {}, Networks: networks = [] }: ServiceBody,
  { project, isJob, ports, networkName }: TaskContext,
): { readonly task: TaskSpec; readonly volumes: readonly VolumeSpec[] } {
  refuseRuntime(template);
  if (template.ContainerSpec === undefined) throw invalidArgument('TaskSpec: missing runtime');
  const { mode, attachments } = planNetworks(template.Networks ?? networks, networkName);
  const { container, volumes } = planContainer(template.ContainerSpec, {
    ...{ project, networkMode: mode, logDriver: template.LogDriver },
  });
  const task: TaskSpec = {
    ...{ container, networks: attachments, ports },
    placement: placementOf(template.Placement ?? {}),
    resources: resourcesOf(template.Resources ?? {}),
    restart: restartOf(template.RestartPolicy ?? {}, isJob),
  };
  return { task, volumes };
}

function updatesOf(
  { UpdateConfig: update, RollbackConfig: rollback }: ServiceBody,
  { job }: ServiceMode,
): Pick<ServiceSpec, 'update' | 'rollback'> {
  if (job !== true) {
    return {
      update: updateOf(update ?? {}, 'update'),
      rollback: updateOf(rollback ?? {}, 'rollback'),
    };
  }
  if (update === undefined && rollback === undefined) return {};
  throw invalidArgument('update config is not supported for job-mode services');
}

function placeIn({ name, project, service }: ServiceSpec): ReturnType<typeof placeOf> {
  return { name, project, service };
}

function refuseRuntime({
  Runtime = '',
  PluginSpec,
  NetworkAttachmentSpec: attachment,
}: TemplateBody): void {
  const isContainer = Runtime === '' || Runtime === 'container';
  if (isContainer && PluginSpec === undefined && attachment === undefined) return;
  const what =
    PluginSpec === undefined ? (attachment === undefined ? Runtime : 'attachment') : 'plugin';
  throw new AppError(
    'unsupported',
    `Runtime ${what}: not supported by the cluster; use containers`,
  );
}

/** Networks that every engine has: `bridge` is what a container without a network is on. */
const ownModes: ReadonlyMap<string, NetworkMode> = new Map([
  ['host', { kind: 'host' }],
  ['none', { kind: 'none' }],
  ['bridge', { kind: 'networks' }],
]);

function planNetworks(
  bodies: readonly AttachmentBody[],
  networkName: (reference: string) => string,
): { readonly mode: NetworkMode; readonly attachments: readonly NetworkAttachmentSpec[] } {
  const own = bodies.flatMap(({ Target = '' }) => ownModes.get(Target) ?? []);
  const others = bodies.filter(({ Target = '' }) => !ownModes.has(Target));
  const [mode = { kind: 'networks' }] = own;
  if (own.length > 1 || (own.length > 0 && mode.kind !== 'networks' && others.length > 0)) {
    throw invalidArgument('Service cannot use host, none or bridge and other networks');
  }
  const attachments = others.map(({ Target = '', Aliases = [], DriverOpts = {} }) => ({
    ...{ network: networkName(Target), aliases: Aliases },
    ...(Object.keys(DriverOpts).length === 0 ? {} : { driverOpts: DriverOpts }),
  }));
  return { mode, attachments };
}

function modeOf(body: ModeBody): ServiceMode {
  const given = [body.Replicated, body.Global, body.ReplicatedJob, body.GlobalJob];
  if (given.filter((each) => each !== undefined).length > 1) {
    throw invalidArgument('must specify only one service mode');
  }
  if (body.Global !== undefined) return { kind: 'global' };
  if (body.GlobalJob !== undefined) return { kind: 'global', job: true };
  if (body.ReplicatedJob !== undefined) return jobOf(body.ReplicatedJob);
  return { kind: 'replicated', replicas: body.Replicated?.Replicas ?? 1 };
}

function jobOf({
  MaxConcurrent = 1,
  TotalCompletions,
}: NonNullable<ModeBody['ReplicatedJob']>): ServiceMode {
  const replicas = TotalCompletions ?? MaxConcurrent;
  return {
    ...{ kind: 'replicated', replicas, job: true },
    ...(MaxConcurrent < replicas && MaxConcurrent > 0 ? { maxConcurrent: MaxConcurrent } : {}),
  };
}

const protocols = ['tcp', 'udp', 'sctp'] as const;
const maxPort = 65_535;

function portOf({
  Protocol = 'tcp',
  TargetPort = 0,
  PublishedPort,
  PublishMode,
}: PortBody): PortSpec {
  const protocol = protocols.find((each) => each === Protocol);
  const mode = (['ingress', 'host'] as const).find((each) => each === (PublishMode ?? 'ingress'));
  if (protocol === undefined || mode === undefined) {
    throw invalidArgument(`EndpointSpec: invalid port ${Protocol} ${PublishMode ?? ''}`);
  }
  if (TargetPort < 1 || TargetPort > maxPort || (PublishedPort ?? 0) > maxPort) {
    throw invalidArgument(
      `EndpointSpec: port ${String(TargetPort)} is not in the range 1 to ${String(maxPort)}`,
    );
  }
  return {
    ...{ target: TargetPort, protocol, mode },
    ...(PublishedPort === undefined || PublishedPort === 0 ? {} : { published: PublishedPort }),
  };
}

function endpointModeOf(mode: string, ports: readonly PortSpec[]): ServiceSpec['endpointMode'] {
  if (mode !== 'dnsrr' && mode !== 'vip' && mode !== '') {
    throw invalidArgument(`EndpointSpec: invalid mode ${mode}`);
  }
  if (mode === 'dnsrr' && ports.some((port) => port.mode === 'ingress')) {
    throw invalidArgument(
      "EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
    );
  }
  const seen = new Set<string>();
  for (const { published, protocol, mode: publish } of ports) {
    if (published === undefined) continue;
    const key = `${String(published)}/${protocol}/${publish}`;
    if (seen.has(key)) {
      throw invalidArgument(`EndpointSpec: duplicate published ports provided`);
    }
    seen.add(key);
  }
  return mode === 'dnsrr' ? 'dnsrr' : 'vip';
}

function placementOf({
  Constraints = [],
  Preferences = [],
  MaxReplicas = 0,
}: PlacementBody): Placement {
  for (const constraint of Constraints) parseConstraint(constraint);
  return {
    constraints: Constraints,
    preferences: Preferences.flatMap(({ Spread }) => Spread?.SpreadDescriptor ?? []),
    maxReplicasPerNode: MaxReplicas,
  };
}

const minMemory = 4 * 1_048_576;
const minNanoCpus = 1_000_000;

function resourcesOf({
  Limits: limits = {},
  Reservations: reserved = {},
}: ResourcesBody): Resources {
  const { GenericResources: generic = [], ...amounts } = reserved;
  if (generic.length > 0) {
    throw new AppError(
      'unsupported',
      'GenericResources: not supported by the cluster; use a placement constraint on a label of the nodes',
    );
  }
  checkAmounts(limits);
  checkAmounts(amounts);
  const nonZero = (key: string, value = 0): object => (value === 0 ? {} : { [key]: value });
  return {
    limits: {
      ...nonZero('nanoCpus', limits.NanoCPUs),
      ...nonZero('memoryBytes', limits.MemoryBytes),
      ...nonZero('pids', limits.Pids),
    },
    reservations: { nanoCpus: amounts.NanoCPUs ?? 0, memoryBytes: amounts.MemoryBytes ?? 0 },
  };
}

function checkAmounts({
  NanoCPUs = 0,
  MemoryBytes = 0,
}: {
  readonly NanoCPUs?: number;
  readonly MemoryBytes?: number;
}): void {
  if (MemoryBytes !== 0 && MemoryBytes < minMemory) {
    throw invalidArgument(`invalid memory value ${String(MemoryBytes)}: Must be at least 4MiB`);
  }
  if (NanoCPUs !== 0 && NanoCPUs < minNanoCpus) {
    throw invalidArgument(`invalid cpu value ${String(NanoCPUs / 1e9)}: Must be at least 0.001`);
  }
}

const defaultDelayMs = 5_000;

/** Swarm mode restarts tasks by default; a job is restarted only after a failure. */
function restartOf(body: RestartBody, isJob: boolean): RestartPolicy {
  const { Condition = '', Delay, MaxAttempts = 0, Window = 0 } = body;
  if (!['', 'any', 'on-failure', 'none'].includes(Condition)) {
    throw invalidArgument(`invalid RestartCondition: "${Condition}"`);
  }
  const isAny = Condition === '' || Condition === 'any';
  return {
    condition: Condition === 'none' ? 'none' : isAny && !isJob ? 'any' : 'on-failure',
    delayMs: Delay === undefined ? defaultDelayMs : Math.round(Delay / nanosPerMs),
    maxAttempts: MaxAttempts,
    windowMs: Math.round(Window / nanosPerMs),
  };
}

const failureActions = ['pause', 'continue', 'rollback'] as const;
const defaultMonitorMs = 5_000;

function updateOf(body: UpdateBody, kind: 'update' | 'rollback'): UpdateConfig {
  const { FailureAction = '', Order = '', Delay = 0, Monitor = 0, MaxFailureRatio = 0 } = body;
  const action = failureActions.find(
    (each) => each === (FailureAction === '' ? 'pause' : FailureAction),
  );
  if (action === undefined || (kind === 'rollback' && action === 'rollback')) {
    throw invalidArgument(`unrecognized ${kind} failure action ${FailureAction}`);
  }
  const order = (['stop-first', 'start-first'] as const).find(
    (each) => each === (Order === '' ? 'stop-first' : Order),
  );
  if (order === undefined) throw invalidArgument(`unrecognized ${kind} order ${Order}`);
  if (MaxFailureRatio < 0 || MaxFailureRatio > 1) {
    throw invalidArgument(
      'TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1',
    );
  }
  return {
    ...{ parallelism: body.Parallelism ?? 1, delayMs: Math.round(Delay / nanosPerMs) },
    ...{
      failureAction: action,
      monitorMs: Monitor === 0 ? defaultMonitorMs : Math.round(Monitor / nanosPerMs),
    },
    ...{ maxFailureRatio: MaxFailureRatio, order },
  };
}
