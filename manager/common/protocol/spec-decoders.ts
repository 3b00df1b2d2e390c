import {
  array,
  anything,
  boolean,
  dictionary,
  fields,
  mustBe,
  nonEmptyString,
  nullable,
  number,
  object,
  oneOf,
  optional,
  string,
  tagged,
  type Decoder,
} from '../base/decode.js';
import type {
  ContainerSpec,
  EngineRestart,
  FileMount,
  HealthcheckSpec,
  HookSpec,
  MountSpec,
  NetworkMode,
} from '../model/container.js';
import type { Json, JsonObject, Labels } from '../model/meta.js';
import type { VolumeSpec } from '../model/network.js';
import type { NetworkAttachmentSpec, PortSpec, Resources, TaskSpec } from '../model/service.js';

const strings = array(string);
export const labels: Decoder<Labels> = dictionary(string);

/** Passed through to the engine; any value parsed from JSON is JSON. */
const json = anything as Decoder<Json>;
export const jsonObject: Decoder<JsonObject> = (value, at) =>
  dictionary(json)(fields(value, at), at);

/** Digest of an image or index in a registry. */
export const imageDigest: Decoder<string> = (value, at) => {
  if (/^sha256:[0-9a-f]{64}$/u.test(string(value, at))) return string(value, at);
  throw mustBe(at, 'a digest, "sha256:" and 64 hexadecimal digits');
};

const environment = dictionary(nullable(string));

const healthcheck = object<HealthcheckSpec>({
  test: optional(strings),
  intervalMs: optional(number),
  timeoutMs: optional(number),
  startPeriodMs: optional(number),
  startIntervalMs: optional(number),
  retries: optional(number),
});

const hook = object<HookSpec>({
  command: strings,
  user: optional(string),
  privileged: boolean,
  workingDir: optional(string),
  env: environment,
});

type MountOf<Type> = Omit<Extract<MountSpec, { readonly type: Type }>, 'type'>;

const mount = tagged<'type', MountSpec>('type', {
  volume: object<MountOf<'volume'>>({
    source: optional(string),
    target: string,
    readOnly: boolean,
    noCopy: boolean,
    subpath: optional(string),
    labels: optional(labels),
    consistency: optional(string),
  }),
  bind: object<MountOf<'bind'>>({
    source: string,
    target: string,
    readOnly: boolean,
    createHostPath: boolean,
    propagation: optional(string),
    selinux: optional(string),
    recursive: optional(oneOf('disabled', 'writable', 'readonly')),
    consistency: optional(string),
  }),
  tmpfs: object<MountOf<'tmpfs'>>({
    target: string,
    sizeBytes: optional(number),
    mode: optional(number),
    readOnly: boolean,
    consistency: optional(string),
  }),
  image: object<MountOf<'image'>>({ source: string, target: string, subpath: optional(string) }),
});

const networkMode = tagged<'kind', NetworkMode>('kind', {
  networks: object({}),
  host: object({}),
  none: object({}),
  service: object({ service: string }),
  container: object({ container: nonEmptyString }),
});

export const engineRestart = object<EngineRestart>({
  name: oneOf('no', 'always', 'unless-stopped', 'on-failure'),
  maxRetries: optional(number),
});

const fileMount = object<FileMount>({
  kind: oneOf('secret', 'config'),
  source: string,
  target: string,
  uid: string,
  gid: string,
  mode: number,
});

const container = object<ContainerSpec>({
  origin: optional(object({ autoRemove: boolean })),
  image: nonEmptyString,
  imageDigest: optional(imageDigest),
  platform: optional(string),
  pullPolicy: oneOf('missing', 'always', 'never'),
  command: optional(strings),
  entrypoint: optional(strings),
  env: environment,
  labels,
  hostname: optional(string),
  templated: optional(oneOf(true)),
  healthcheck: optional(healthcheck),
  mounts: array(mount),
  confinedTo: optional(strings),
  engineRestart,
  networkMode,
  ipcService: optional(string),
  pidService: optional(string),
  volumesFrom: optional(array(object({ service: string, readOnly: boolean }))),
  volumesRenewedAt: optional(number),
  containerName: optional(string),
  stopSignal: optional(string),
  stopGraceMs: optional(number),
  tty: boolean,
  stdinOpen: boolean,
  startOnAttach: optional(boolean),
  dns: strings,
  dnsSearch: strings,
  dnsOptions: strings,
  extraHosts: strings,
  postStart: optional(array(hook)),
  preStop: optional(array(hook)),
  files: array(fileMount),
  config: jsonObject,
  hostConfig: jsonObject,
});

export const networkAttachment = object<NetworkAttachmentSpec>({
  network: string,
  aliases: strings,
  ipv4Address: optional(string),
  macAddress: optional(string),
  driverOpts: optional(labels),
});

const port = object<PortSpec>({
  target: number,
  protocol: oneOf('tcp', 'udp', 'sctp'),
  published: optional(number),
  publishedEnd: optional(number),
  hostIp: optional(string),
  mode: oneOf('host', 'ingress'),
});

export const resources = object<Resources>({
  limits: object<Resources['limits']>({
    nanoCpus: optional(number),
    memoryBytes: optional(number),
    pids: optional(number),
  }),
  reservations: object({ nanoCpus: number, memoryBytes: number }),
});

/** Checks what the containers of a task are made from. */
export const taskSpec = object<TaskSpec>({
  container,
  networks: array(networkAttachment),
  ports: array(port),
  placement: object({ constraints: strings, preferences: strings, maxReplicasPerNode: number }),
  resources,
  restart: optional(
    object({
      condition: oneOf('none', 'on-failure', 'any'),
      delayMs: number,
      maxAttempts: number,
      windowMs: number,
    }),
  ),
});

export const volumeSpec = object<VolumeSpec>({
  name: nonEmptyString,
  project: string,
  key: string,
  driver: string,
  driverOpts: labels,
  labels,
  external: boolean,
});
