import {
  array,
  boolean,
  branded,
  count,
  errorKind,
  tagged,
  integer,
  nonEmptyString,
  number,
  object,
  oneOf,
  optional,
  string,
  type Shape,
} from '../base/decode.js';
import type { Meta } from '../model/meta.js';
import type { Network, NetworkSpec, Volume } from '../model/network.js';
import type { Node, NodeDescription, NodeSpec } from '../model/node.js';
import type { Config, DataSpec, Secret } from '../model/secret.js';
import type {
  Dependency,
  Service,
  ServiceMode,
  ServiceSpec,
  UpdateConfig,
  UpdateStatus,
} from '../model/service.js';
import type { Attachment, PublishedPort, Task, TaskStatus } from '../model/task.js';
import type { ProjectPolicy } from '../model/trust/project-policy.js';
import type { ProjectQuota, ProjectUsage } from '../model/trust/project-quota.js';
import { desiredStates, taskStates } from '../model/task-state.js';
import { jsonObject, labels, taskSpec, volumeSpec } from './spec-decoders.js';

/*
 * Decoders of the cluster's objects, as a manager sends them to clients and keeps them in its store.
 */

/** Decoders for the fields of every stored object. */
export const meta: Shape<Meta> = { version: count, createdAt: number, updatedAt: number };

const strings = array(string);

const nodeSpec = object<NodeSpec>({
  name: nonEmptyString,
  availability: oneOf('active', 'pause', 'drain'),
  forced: optional(oneOf(true)),
  labels,
  role: oneOf('manager', 'worker'),
});

export const nodeDescription = object<NodeDescription>({
  hostname: string,
  address: string,
  os: string,
  arch: string,
  nanoCpus: number,
  memoryBytes: number,
  engineVersion: string,
  engineLabels: labels,
  plugins: strings,
  shoalVersion: string,
});

export const node = object<Node>({
  ...meta,
  id: branded(),
  spec: nodeSpec,
  description: nodeDescription,
  status: object<Node['status']>({
    state: oneOf('unknown', 'ready', 'down'),
    since: number,
    message: string,
    engine: optional(oneOf('silent')),
  }),
});

const updateConfig = object<UpdateConfig>({
  parallelism: number,
  delayMs: number,
  failureAction: oneOf('pause', 'continue', 'rollback'),
  monitorMs: number,
  maxFailureRatio: number,
  order: oneOf('stop-first', 'start-first'),
});

const serviceMode = tagged<'kind', ServiceMode>('kind', {
  replicated: object<{
    readonly replicas: number;
    readonly maxConcurrent?: number;
    readonly job?: true;
  }>({
    replicas: count,
    maxConcurrent: optional(count),
    job: optional(oneOf(true)),
  }),
  global: object<{ readonly job?: true }>({ job: optional(oneOf(true)) }),
});

const dependency = object<Dependency>({
  service: string,
  condition: oneOf('service_started', 'service_healthy', 'service_completed_successfully'),
  required: boolean,
  restart: boolean,
});

export const serviceSpec = object<ServiceSpec>({
  name: nonEmptyString,
  project: string,
  service: nonEmptyString,
  labels,
  mode: serviceMode,
  task: taskSpec,
  dependsOn: array(dependency),
  endpointMode: oneOf('dnsrr', 'vip'),
  halted: boolean,
  held: optional(boolean),
  nameSeparator: optional(oneOf('_')),
  update: optional(updateConfig),
  rollback: optional(updateConfig),
  configHash: string,
});

const updateStatus = object<UpdateStatus>({
  kind: oneOf('change', 'roll', 'rollback'),
  state: oneOf('running', 'paused', 'completed'),
  taskHash: string,
  startedAt: number,
  endedAt: optional(number),
  message: string,
  failed: array(number),
});

export const service = object<Service>({
  ...meta,
  id: branded(),
  spec: serviceSpec,
  taskHash: string,
  forceUpdate: number,
  previousSpec: optional(serviceSpec),
  previousForceUpdate: optional(number),
  updateStatus: optional(updateStatus),
  dependenciesMet: boolean,
  removing: boolean,
});

const publishedPort = object<PublishedPort>({
  target: number,
  protocol: oneOf('tcp', 'udp', 'sctp'),
  hostIp: string,
  published: number,
});

export const taskStatus = object<TaskStatus>({
  state: oneOf(...taskStates),
  at: number,
  message: string,
  error: optional(string),
  errorKind: optional(errorKind),
  exitCode: optional(number),
  containerId: optional(string),
  health: optional(oneOf('starting', 'healthy', 'unhealthy')),
  restarts: optional(number),
  startedAt: optional(number),
  ports: optional(array(publishedPort)),
  imageId: optional(string),
  paused: optional(boolean),
  anonymousVolumes: optional(array(string)),
  addresses: optional(array(string)),
  command: optional(strings),
});

export const attachment = object<Attachment>({
  networkId: branded(),
  network: string,
  address: string,
  mac: string,
  aliases: strings,
});

const explanation = object<NonNullable<Task['explanation']>>({
  placed: boolean,
  summary: string,
  reasons: strings,
  awaits: optional(oneOf('predecessor')),
  at: number,
});

export const task = object<Task>({
  ...meta,
  id: branded(),
  serviceId: branded(),
  project: string,
  service: string,
  slot: integer,
  nodeId: optional(branded()),
  spec: taskSpec,
  taskHash: string,
  configHash: string,
  containerName: string,
  desired: oneOf(...desiredStates),
  status: taskStatus,
  attachments: array(attachment),
  explanation: optional(explanation),
  overQuota: optional(oneOf(true)),
  adopts: optional(branded()),
  notBefore: optional(number),
  attempts: optional(object({ refused: number, restarted: number })),
  stopTimeoutMs: optional(number),
});

export const networkSpec = object<NetworkSpec>({
  name: nonEmptyString,
  project: string,
  key: string,
  driver: nonEmptyString,
  subnet: optional(string),
  gateway: optional(string),
  reserved: optional(strings),
  ipRange: optional(string),
  internal: boolean,
  attachable: boolean,
  labels,
  driverOpts: jsonObject,
});

export const network = object<Network>({
  ...meta,
  id: branded(),
  spec: networkSpec,
  vni: count,
  subnet: string,
  removing: boolean,
  leftOn: optional(
    array(object<NonNullable<Network['leftOn']>[number]>({ nodeId: branded(), problem: string })),
  ),
});

export const volume = object<Volume>({
  ...meta,
  id: branded(),
  spec: volumeSpec,
  nodeIds: array(branded()),
  removing: boolean,
});

export const dataSpec = object<DataSpec>({
  name: nonEmptyString,
  project: string,
  key: string,
  labels,
});

/** A secret or config without its content. */
export const dataInfo = object<Omit<Secret | Config, 'data'>>({
  ...meta,
  id: branded(),
  spec: dataSpec,
});

export const secretInfo = object<Omit<Secret, 'data'>>({ ...meta, id: branded(), spec: dataSpec });

export const storedSecret = object<Secret>({
  ...meta,
  id: branded(),
  spec: dataSpec,
  data: string,
});

export const storedConfig = object<Config>({
  ...meta,
  id: branded(),
  spec: dataSpec,
  data: string,
});

export const projectPolicy = object<ProjectPolicy>({
  privileged: boolean,
  hostNamespaces: boolean,
  engineSocket: boolean,
  bindPaths: strings,
  capabilities: strings,
});

const quotaAmount = optional(count);

export const projectQuota = object<ProjectQuota>({
  nanoCpus: quotaAmount,
  memoryBytes: quotaAmount,
  containers: quotaAmount,
  ports: quotaAmount,
  volumes: quotaAmount,
});

export const projectUsage = object<ProjectUsage>({
  nanoCpus: number,
  memoryBytes: number,
  containers: count,
  ports: count,
  volumes: count,
});
