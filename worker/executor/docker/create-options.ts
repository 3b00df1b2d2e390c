import { AppError } from '../../../manager/common/base/errors.js';
import type { HealthcheckSpec } from '../../../manager/common/model/container.js';
import type { Json, JsonObject, Labels } from '../../../manager/common/model/meta.js';
import type { PortSpec, Resources } from '../../../manager/common/model/service.js';
import type { AssignedTask } from '../../../manager/common/protocol/assignments.js';
import type { EngineAttachment } from '../executor.js';
import { isBindText, toBindText, toMount } from './mounts/mounts.js';

/** A host file that is mounted read-only into the container. */
export interface HostFile {
  readonly source: string;
  readonly target: string;
}

export interface CreateInputs {
  readonly task: AssignedTask;
  readonly labels: Labels;
  readonly attachments: readonly EngineAttachment[];
  /** resolv.conf, secrets and configs. */
  readonly files: readonly HostFile[];
  /** Ids of containers to share namespaces with, by Compose service name. */
  readonly leaders?: ReadonlyMap<string, string>;
  /** Mounts from `volumes_from`, as entries of `HostConfig.Mounts`. */
  readonly inheritedMounts?: readonly JsonObject[];
  /** Reference of the image's content on this engine; by default the spec's image. */
  readonly imageReference?: string;
  /** Minor version of the engine's API: 1.<n>. */
  readonly apiMinor: number;
}

export interface CreateRequest {
  readonly name: string;
  readonly platform?: string;
  readonly body: JsonObject;
  /** Networks to connect before the start: engines before API 1.44 accept only one at creation. */
  readonly joinLater: readonly EngineAttachment[];
}

/** API 1.44 (Docker 25) accepts all networks at creation, each with its own MAC. */
const severalNetworksApi = 44;

const nanosPerMs = 1_000_000;

/**
 * Builds the Engine API's create request for a task. Throws `unsupported` for options that this
 * engine lacks.
 */
export function toCreateRequest(inputs: CreateInputs): CreateRequest {
  const { task, attachments, apiMinor } = inputs;
  const spec = task.spec.container;
  const multiNetwork = apiMinor >= severalNetworksApi;
  const joined = multiNetwork ? attachments : attachments.slice(0, 1);
  const ports = portSettings(task.spec.ports);
  const body: Record<string, Json | undefined> = {
    ...spec.config,
    Image: inputs.imageReference ?? spec.image,
    Cmd: list(spec.command),
    Entrypoint: list(spec.entrypoint),
    Env: Object.entries(spec.env).map(([name, value]) =>
      value === null ? name : `${name}=${value}`,
    ),
    Labels: inputs.labels,
    Hostname: ['service', 'container'].includes(spec.networkMode.kind) ? undefined : spec.hostname,
    Healthcheck: spec.healthcheck && healthcheck(spec.healthcheck, apiMinor),
    StopSignal: spec.stopSignal,
    StopTimeout: spec.stopGraceMs === undefined ? undefined : Math.ceil(spec.stopGraceMs / 1000),
    Tty: spec.tty,
    OpenStdin: spec.stdinOpen,
    ExposedPorts: { ...exposed(spec.config), ...ports.exposed },
    MacAddress: multiNetwork ? undefined : joined[0]?.mac,
    HostConfig: hostConfig(inputs, ports.bindings),
    NetworkingConfig: {
      EndpointsConfig: Object.fromEntries(
        joined.map((attachment) => [
          attachment.engineNetwork,
          endpointConfig(attachment, apiMinor),
        ]),
      ),
    },
  };
  return {
    name: task.containerName,
    ...(spec.platform === undefined ? {} : { platform: spec.platform }),
    body: defined(body),
    joinLater: multiNetwork ? [] : attachments.slice(1),
  };
}

/** Entry of one network in `EndpointsConfig`, also the body of a later connect. */
export function endpointConfig(attachment: EngineAttachment, apiMinor: number): JsonObject {
  return defined({
    IPAMConfig: { IPv4Address: attachment.address },
    Aliases: attachment.aliases.length === 0 ? undefined : attachment.aliases,
    DriverOpts: attachment.driverOpts,
    MacAddress: apiMinor >= severalNetworksApi ? attachment.mac : undefined,
  });
}

function hostConfig(inputs: CreateInputs, bindings: JsonObject): JsonObject {
  const { task } = inputs;
  const spec = task.spec.container;
  return defined({
    ...spec.hostConfig,
    ...limits(task.spec.resources),
    ...sharing(inputs),
    NetworkMode: networkMode(inputs),
    PortBindings: bindings,
    RestartPolicy: {
      Name: spec.engineRestart.name,
      MaximumRetryCount: spec.engineRestart.maxRetries ?? 0,
    },
    Mounts: [
      ...spec.mounts.flatMap((mount) => (isBindText(mount) ? [] : toMount(mount, inputs.apiMinor))),
      ...(inputs.inheritedMounts ?? []),
      ...inputs.files.map(toFileMount),
    ],
    Binds: list(nonEmpty(spec.mounts.filter(isBindText).map(toBindText))),
    Dns: list(nonEmpty(spec.dns)),
    DnsSearch: list(nonEmpty(spec.dnsSearch)),
    DnsOptions: list(nonEmpty(spec.dnsOptions)),
    ExtraHosts: list(nonEmpty(spec.extraHosts)),
  });
}

function networkMode(inputs: CreateInputs): string {
  const mode = inputs.task.spec.container.networkMode;
  switch (mode.kind) {
    case 'host':
    case 'none':
      return mode.kind;
    case 'service':
      return `container:${leader(inputs, mode.service)}`;
    case 'container':
      return `container:${mode.container}`;
    case 'networks':
      return inputs.attachments[0]?.engineNetwork ?? 'bridge';
  }
}

function leader({ leaders }: CreateInputs, service: string): string {
  const id = leaders?.get(service);
  if (id !== undefined) return id;
  throw new AppError('unavailable', `service ${service} has no container on this node`);
}

function sharing(inputs: CreateInputs): JsonObject {
  const { ipcService, pidService } = inputs.task.spec.container;
  const namespace = (service: string | undefined): string | undefined =>
    service === undefined ? undefined : `container:${leader(inputs, service)}`;
  return defined({
    IpcMode: namespace(ipcService),
    PidMode: namespace(pidService),
  });
}

function limits({ limits: limit, reservations }: Resources): JsonObject {
  return defined({
    NanoCpus: limit.nanoCpus,
    Memory: limit.memoryBytes,
    PidsLimit: limit.pids,
    MemoryReservation: reservations.memoryBytes > 0 ? reservations.memoryBytes : undefined,
  });
}

function exposed(config: JsonObject): JsonObject {
  const value = config.ExposedPorts;
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : {};
}

function portSettings(ports: readonly PortSpec[]): { exposed: JsonObject; bindings: JsonObject } {
  const exposedPorts: Record<string, Json> = {};
  const bindings: Record<string, JsonObject[]> = {};
  for (const port of ports) {
    const key = `${String(port.target)}/${port.protocol}`;
    exposedPorts[key] = {};
    (bindings[key] ??= []).push({ HostIp: port.hostIp ?? '', HostPort: hostPort(port) });
  }
  return { exposed: exposedPorts, bindings };
}

/**
 * Host port of a binding: empty lets the engine choose, `first-last` limits the choice to a range.
 */
function hostPort(port: PortSpec): string {
  if (port.published === undefined) return '';
  const first = String(port.published);
  return port.publishedEnd === undefined ? first : `${first}-${String(port.publishedEnd)}`;
}

function healthcheck(check: HealthcheckSpec, apiMinor: number): JsonObject {
  const nanos = (ms: number | undefined): number | undefined =>
    ms === undefined ? undefined : Math.round(ms * nanosPerMs);
  return defined({
    Test: list(check.test),
    Interval: nanos(check.intervalMs),
    Timeout: nanos(check.timeoutMs),
    StartPeriod: nanos(check.startPeriodMs),
    StartInterval: apiMinor >= severalNetworksApi ? nanos(check.startIntervalMs) : undefined,
    Retries: check.retries,
  });
}

/**
 * A mount instead of `Binds`: a missing source is then an error and does not become a directory.
 */
function toFileMount(file: HostFile): JsonObject {
  return { Type: 'bind', Source: file.source, Target: file.target, ReadOnly: true };
}

function list(values: readonly string[] | undefined): Json | undefined {
  return values === undefined ? undefined : [...values];
}

/**
 * With a shared network namespace the engine rejects some of these lists even if they are empty.
 */
function nonEmpty(values: readonly string[]): readonly string[] | undefined {
  return values.length === 0 ? undefined : values;
}

function defined(record: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(record).filter((entry): entry is [string, Json] => entry[1] !== undefined),
  );
}
