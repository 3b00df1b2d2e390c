import { AppError } from '../../common/base/errors.js';
import { hashOf } from '../../common/base/canonical.js';
import { composePlace } from '../../common/model/compose/compose-container.js';
import type {
  ContainerSpec,
  EngineRestart,
  HealthcheckSpec,
} from '../../common/model/container.js';
import type { JsonObject } from '../../common/model/meta.js';
import type { VolumeSpec } from '../../common/model/network.js';
import type { Resources, ServiceSpec } from '../../common/model/service.js';
import { extractExpressions } from '../../common/model/swarm-expression.js';
import type { StoreView } from '../../store/store.js';
import { findContainer } from '../find-container.js';
import type { CreateBody, HealthcheckBody, HostConfigBody } from './create-body.js';
import type { AnonymousSource } from './anonymous-volumes.js';
import { nameAnonymousVolumes } from './anonymous-volumes.js';
import { planMounts } from './mounts.js';
import { planAttachments } from './networks.js';
import { planPorts } from './ports.js';

export interface ContainerRequest {
  readonly body: CreateBody;
  readonly name: string;
  readonly platform?: string;
  /** Absent while a request is only checked. */
  readonly anonymous?: AnonymousSource;
}

export interface CreatePlan {
  readonly spec: ServiceSpec;
  readonly volumes: readonly VolumeSpec[];
}

/** Project of the containers without docker compose's labels. */
export const defaultProject = 'docker';
const projectLabel = 'com.docker.compose.project';
const nanosPerMs = 1_000_000;

/**
 * Translates a create request to a service of one container, held until its start. Containers that
 * it refers to are found in `view` and tie it to their node.
 */
export function toService(
  { body, name, platform, anonymous }: ContainerRequest,
  view: StoreView,
): CreatePlan {
  const { env, labels } = extractExpressions(body.Env ?? [], body.Labels ?? {});
  const host = body.HostConfig ?? {};
  const nodes = new Set<string>();
  const resolve = (reference: string): string => {
    const { containerId, node } = findContainer(view, reference);
    nodes.add(node.id);
    return containerId;
  };
  const networks = planAttachments(body, view, resolve);
  const plan = planMounts(host);
  const { mounts, volumes } =
    anonymous === undefined ? plan : nameAnonymousVolumes(plan, body, anonymous);
  const project = body.Labels?.[projectLabel] ?? '';
  const place = composePlace(body.Labels ?? {});
  const ties = sharedWith(host, resolve);
  const owner = project === '' ? defaultProject : project;
  return {
    volumes,
    spec: {
      ...{ name: `${owner}_${name}`, project: owner, service: place?.service ?? name, labels: {} },
      ...{ mode: { kind: 'replicated', replicas: 1 }, dependsOn: [], endpointMode: 'dnsrr' },
      ...{ halted: false, held: true },
      configHash: place?.configHash ?? hashOf(body).slice(0, 32),
      task: {
        container: {
          ...containerOf({ ...body, Env: env, Labels: labels }, host),
          ...{ containerName: name, mounts, networkMode: networks.mode },
          ...(platform === undefined ? {} : { platform }),
          hostConfig: { ...body.hostConfig, ...ties },
        },
        networks: networks.attachments,
        ports: planPorts(host),
        placement: {
          constraints: [...nodes].map((id) => `node.id == ${id}`),
          ...{ preferences: [], maxReplicasPerNode: 0 },
        },
        resources: resourcesOf(host),
      },
    },
  };
}

function containerOf(
  body: CreateBody,
  host: HostConfigBody,
): Omit<ContainerSpec, 'mounts' | 'networkMode' | 'hostConfig'> {
  const { Image: image = '', Hostname: hostname = '', StopSignal: stopSignal = '' } = body;
  if (image === '') throw new AppError('invalid', 'no image specified');
  return {
    origin: { autoRemove: host.AutoRemove ?? false },
    ...{ image, pullPolicy: 'missing', env: environment(body.Env ?? []) },
    ...processOf(body),
    labels: body.Labels ?? {},
    ...(hostname === '' ? {} : { hostname }),
    engineRestart: restartOf(host),
    ...(stopSignal === '' ? {} : { stopSignal }),
    ...(body.StopTimeout === undefined ? {} : { stopGraceMs: body.StopTimeout * 1000 }),
    ...namesOf(host),
    ...{ files: [], config: body.config },
  };
}

function processOf(
  body: CreateBody,
): Pick<ContainerSpec, 'command' | 'entrypoint' | 'healthcheck' | 'tty' | 'stdinOpen'> {
  return {
    ...(body.Cmd === undefined ? {} : { command: body.Cmd }),
    ...(body.Entrypoint === undefined ? {} : { entrypoint: body.Entrypoint }),
    ...(body.Healthcheck === undefined ? {} : { healthcheck: healthcheckOf(body.Healthcheck) }),
    ...{ tty: body.Tty ?? false, stdinOpen: body.OpenStdin ?? false },
  };
}

function namesOf(
  host: HostConfigBody,
): Pick<ContainerSpec, 'dns' | 'dnsSearch' | 'dnsOptions' | 'extraHosts'> {
  const { Dns: dns = [], DnsSearch: dnsSearch = [], DnsOptions: dnsOptions = [] } = host;
  return { dns, dnsSearch, dnsOptions, extraHosts: host.ExtraHosts ?? [] };
}

/** Options that name other containers, with the ids of the engine. */
function sharedWith(host: HostConfigBody, resolve: (reference: string) => string): JsonObject {
  const namespace = (mode: string): string => {
    const reference = /^container:(.+)$/u.exec(mode)?.[1];
    return reference === undefined ? mode : `container:${resolve(reference)}`;
  };
  const { IpcMode = '', PidMode = '', VolumesFrom = [], Links = [] } = host;
  return {
    ...(IpcMode === '' ? {} : { IpcMode: namespace(IpcMode) }),
    ...(PidMode === '' ? {} : { PidMode: namespace(PidMode) }),
    ...(VolumesFrom.length === 0
      ? {}
      : { VolumesFrom: VolumesFrom.map((text) => linked(text, resolve)) }),
    ...(Links.length === 0 ? {} : { Links: Links.map((text) => linked(text, resolve)) }),
  };
}

/** `container[:rest]` with the container's id. */
function linked(text: string, resolve: (reference: string) => string): string {
  const [reference = '', ...rest] = text.split(':');
  return [resolve(reference), ...(rest.length === 0 ? [] : rest)].join(':');
}

/** A variable without a value removes one of the image. The last entry of a name wins. */
export function environment(entries: readonly string[]): Readonly<Record<string, string | null>> {
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf('=');
      if (at === 0 || entry === '') {
        throw new AppError('invalid', `invalid environment variable: ${entry}`);
      }
      return at === -1 ? [entry, null] : [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}

const restartNames = ['no', 'always', 'unless-stopped', 'on-failure'] as const;

export function restartOf({
  AutoRemove = false,
  RestartPolicy = {},
}: Pick<HostConfigBody, 'AutoRemove' | 'RestartPolicy'>): EngineRestart {
  const { Name: wanted = '', MaximumRetryCount: retries = 0 } = RestartPolicy;
  const name = restartNames.find((each) => each === (wanted === '' ? 'no' : wanted));
  if (name === undefined) {
    throw new AppError('invalid', `invalid restart policy: unknown policy '${wanted}'`);
  }
  if (retries < 0 || (retries > 0 && name !== 'on-failure')) {
    throw new AppError(
      'invalid',
      'invalid restart policy: maximum retry count can only be used with policy on-failure',
    );
  }
  if (AutoRemove && name !== 'no') {
    throw new AppError('invalid', "can't create 'AutoRemove' container with restart policy");
  }
  return { name, ...(retries > 0 ? { maxRetries: retries } : {}) };
}

export function healthcheckOf(check: HealthcheckBody): HealthcheckSpec {
  const ms = (key: string, nanos: number | undefined): object =>
    nanos === undefined || nanos === 0 ? {} : { [key]: nanos / nanosPerMs };
  return {
    ...(check.Test === undefined || check.Test.length === 0 ? {} : { test: check.Test }),
    ...ms('intervalMs', check.Interval),
    ...ms('timeoutMs', check.Timeout),
    ...ms('startPeriodMs', check.StartPeriod),
    ...ms('startIntervalMs', check.StartInterval),
    ...(check.Retries === undefined || check.Retries === 0 ? {} : { retries: check.Retries }),
  };
}

const noResources: Resources = { limits: {}, reservations: { nanoCpus: 0, memoryBytes: 0 } };

/**
 * Limits and reservations. 0 means none for a new container and otherwise keeps what it has, as in
 * the Engine API.
 */
export function resourcesOf(
  host: Pick<HostConfigBody, 'NanoCpus' | 'Memory' | 'MemoryReservation' | 'PidsLimit'>,
  before = noResources,
): Resources {
  const { NanoCpus = 0, Memory = 0, MemoryReservation = 0, PidsLimit = 0 } = host;
  return {
    limits: {
      ...before.limits,
      ...(NanoCpus > 0 ? { nanoCpus: NanoCpus } : {}),
      ...(Memory > 0 ? { memoryBytes: Memory } : {}),
      ...(PidsLimit === 0 ? {} : { pids: PidsLimit }),
    },
    reservations: {
      ...before.reservations,
      ...(MemoryReservation > 0 ? { memoryBytes: MemoryReservation } : {}),
    },
  };
}
