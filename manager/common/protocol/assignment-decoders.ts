import {
  array,
  boolean,
  branded,
  integer,
  nonEmptyString,
  number,
  object,
  oneOf,
  optional,
  string,
} from '../base/decode.js';
import type { ConfigId, SecretId } from '../model/ids.js';
import type { Endpoint, NetworkOnNode } from '../model/network-view.js';
import { desiredStates } from '../model/task-state.js';
import type { AssignedFile, AssignedTask, AssignmentChange, AssignmentSet } from './assignments.js';
import { attachment } from './object-decoders.js';
import { labels, taskSpec, volumeSpec } from './spec-decoders.js';

const assignedTask = object<AssignedTask>({
  id: branded(),
  serviceId: branded(),
  project: string,
  service: string,
  slot: integer,
  spec: taskSpec,
  taskHash: string,
  configHash: string,
  containerName: nonEmptyString,
  desired: oneOf(...desiredStates),
  attachments: array(attachment),
  adopts: optional(branded()),
  stopTimeoutMs: optional(number),
  startDelayMs: optional(number),
});

const networkOnNode = object<NetworkOnNode>({
  id: branded(),
  name: string,
  project: string,
  key: string,
  vni: integer,
  subnet: string,
  gateway: string,
  internal: boolean,
  labels,
});

const endpoint = object<Endpoint>({
  id: nonEmptyString,
  networkId: branded(),
  taskId: branded(),
  nodeId: branded(),
  vtep: string,
  address: string,
  mac: string,
  project: string,
  service: string,
  slot: integer,
  aliases: array(string),
  up: boolean,
});

/** Checks the content of a secret or config. */
export const assignedFile = object<AssignedFile>({
  id: branded<SecretId | ConfigId>(),
  kind: oneOf('secret', 'config'),
  name: string,
  data: string,
});

/** Checks a full assignment set, from a manager or from this node's disk. */
export const assignmentSet = object<AssignmentSet>({
  clusterId: string,
  nodeId: branded(),
  sequence: integer,
  tasks: array(assignedTask),
  networks: array(networkOnNode),
  endpoints: array(endpoint),
  volumes: array(volumeSpec),
  files: array(assignedFile),
});

/** Checks one change of an assignment set. */
export const assignmentChange = object<AssignmentChange>({
  sequence: integer,
  upsert: object<AssignmentChange['upsert']>({
    tasks: optional(array(assignedTask)),
    networks: optional(array(networkOnNode)),
    endpoints: optional(array(endpoint)),
    volumes: optional(array(volumeSpec)),
    files: optional(array(assignedFile)),
  }),
  remove: object<AssignmentChange['remove']>({
    tasks: optional(array(branded())),
    networks: optional(array(branded())),
    endpoints: optional(array(string)),
    volumes: optional(array(string)),
    files: optional(array(string)),
  }),
});
