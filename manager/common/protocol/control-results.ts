import type { Decoder } from '../base/decode.js';
import {
  anything,
  array,
  boolean,
  count,
  integer,
  nonEmptyString,
  nullable,
  number,
  object,
  oneOf,
  optional,
  string,
} from '../base/decode.js';
import type {
  CallPreview,
  ControlCallMap,
  ControlCallName,
  ImageOnNode,
  ManagerEntry,
  ManagerInfo,
  PinnedImage,
  RecordedImage,
} from './control.js';
import { auditEntry } from './control-messages.js';
import type {
  AppliedChange,
  PlannedStep,
  ProjectApplyResult,
  ProjectSettings,
} from './project-calls.js';
import {
  network,
  node,
  projectPolicy,
  projectQuota,
  projectUsage,
  secretInfo,
  service,
  storedConfig,
  task,
  volume,
} from './object-decoders.js';
import { clientRoles } from '../model/trust/client.js';
import type {
  CaStatus,
  ClientInfo,
  CreatedJoinToken,
  IssuedClient,
  JoinTokenInfo,
} from './security.js';
import { foreignContainerShape, nodeImageShape, pathInfo, processList } from './worker-results.js';
import { imageDigest } from './spec-decoders.js';

/*
 * Decoders of the answers to client calls, see `ControlCallMap`.
 */

type ControlResults = {
  readonly [Name in ControlCallName]: Decoder<ControlCallMap[Name]['result']>;
};

const nothing = oneOf(null);
const strings = array(string);

const managerInfo = object<ManagerInfo>({
  clusterId: nonEmptyString,
  clusterName: string,
  version: string,
  nodeId: string,
  leader: boolean,
  store: string,
  nodes: count,
  services: count,
  tasks: count,
});

const appliedChange = object<AppliedChange>({
  kind: oneOf('network', 'volume', 'secret', 'config', 'service'),
  name: string,
  action: oneOf('created', 'updated', 'unchanged', 'removed', 'started'),
  cause: string,
});

const plannedStep = object<PlannedStep>({
  action: oneOf('stop', 'create', 'start', 'remove'),
  container: string,
  node: string,
  cause: string,
  placement: optional(string),
});

const applyResult = object<ProjectApplyResult>({
  changes: array(appliedChange),
  steps: optional(array(plannedStep)),
  orphans: strings,
});

const projectSettings = object<ProjectSettings>({
  project: nonEmptyString,
  policy: projectPolicy,
  quota: projectQuota,
  used: projectUsage,
});

const callPreview = object<CallPreview>({ changes: strings, steps: array(plannedStep) });

const imageOnNode = object<ImageOnNode>({ ...nodeImageShape, nodeId: string, node: string });

const managerEntry = object<ManagerEntry>({
  nodeId: string,
  address: string,
  alive: boolean,
  leader: boolean,
});

const caStatus = object<CaStatus>({
  authority: object({ id: string, notAfterMs: number }),
  certificateLifetimeMs: number,
  refusedAuthorities: strings,
  refusedClients: strings,
  rotation: optional(object({ from: string, to: string, startedAt: number })),
  retiring: array(object({ authority: string, nodeId: string })),
  members: array(
    object({
      name: string,
      role: oneOf('manager', 'worker'),
      certificate: oneOf('current', 'old', 'away'),
    }),
  ),
  sealingKey: optional(string),
});

const joinToken = object<JoinTokenInfo>({
  id: nonEmptyString,
  role: oneOf('worker'),
  label: string,
  createdAt: number,
  expiresAt: number,
  usesLeft: optional(integer),
  used: count,
});
const clientInfo = object<ClientInfo>({
  name: nonEmptyString,
  role: oneOf(...clientRoles),
  projects: strings,
  createdAt: number,
  expiresAt: number,
  serials: strings,
});
const issuedClient = object<IssuedClient>({ client: clientInfo, chain: nonEmptyString });
const createdJoinToken = object<CreatedJoinToken>({ token: joinToken, text: nonEmptyString });

/** A decoder for the answer to each call. */
export const controlResults: ControlResults = {
  info: managerInfo,
  'project.apply': applyResult,
  'project.remove': applyResult,
  preview: callPreview,
  'project.list': array(object({ name: string, services: count, running: count })),
  'project.others': array(object({ ...foreignContainerShape, node: string })),
  'project.take-over': nothing,
  'project.settings': array(projectSettings),
  'project.set-policy': projectSettings,
  'project.set-quota': projectSettings,
  'service.list': array(service),
  'service.scale': nothing,
  'service.halt': nothing,
  'service.restart': nothing,
  'service.kill': nothing,
  'service.pause': nothing,
  'service.create': nonEmptyString,
  'service.update': nothing,
  'service.revert': nothing,
  'service.remove': nothing,
  'service.roll': strings,
  'service.rollback': strings,
  'service.clean': strings,
  'container.create': nonEmptyString,
  'container.discard': nothing,
  'container.remove': nothing,
  'container.release': nothing,
  'container.rename': nothing,
  'container.connect': nothing,
  'container.disconnect': nothing,
  'container.update': nothing,
  'image.find': array(imageOnNode),
  'image.resolve': imageDigest,
  'image.remove': strings,
  'image.pin': object<PinnedImage>({ digest: optional(imageDigest), problem: optional(string) }),
  'image.record': object<RecordedImage>({ isRecorded: boolean, problem: optional(string) }),
  'task.list': array(task),
  'task.top': processList,
  'task.stat-path': nullable(pathInfo),
  // The Docker Engine's own answer, passed through.
  'task.inspect': anything,
  'task.commit': nonEmptyString,
  'node.list': array(node),
  'node.update': node,
  'node.remove': nothing,
  'manager.list': array(managerEntry),
  'manager.remove': nothing,
  'network.list': array(network),
  'network.create': network,
  'network.remove': nothing,
  'volume.list': array(volume),
  'volume.create': volume,
  'volume.remove': nothing,
  'audit.list': array(auditEntry),
  'secret.list': array(secretInfo),
  'secret.create': nonEmptyString,
  'secret.update': nothing,
  'secret.remove': nothing,
  'config.list': array(storedConfig),
  'config.create': nonEmptyString,
  'config.update': nothing,
  'config.remove': nothing,
  'ca.status': caStatus,
  'ca.request': object({ request: nonEmptyString }),
  'ca.install': nothing,
  'ca.finish': object({ refused: string }),
  'ca.set': nothing,
  'ca.revoke': nothing,
  'ca.rotate-key': object({ sealed: count }),
  'client.create': issuedClient,
  'client.list': array(clientInfo),
  'client.update': clientInfo,
  'client.remove': nothing,
  'client.renew': issuedClient,
  'client.renew-own': issuedClient,
  'token.create': createdJoinToken,
  'token.list': array(joinToken),
  'token.remove': nothing,
  'token.rotate': createdJoinToken,
};
