import type { Decoder, Shape } from '../base/decode.js';
import {
  anything,
  array,
  boolean,
  branded,
  decode,
  fields,
  integer,
  nonEmptyString,
  number,
  object,
  oneOf,
  optional,
  orElse,
  string,
} from '../base/decode.js';
import { messageOf } from '../base/errors.js';
import type { ConfigId, SecretId, TaskId } from '../model/ids.js';
import type { Endpoint, NetworkOnNode, ProjectNames } from '../model/network-view.js';
import type { DesiredState } from '../model/task-state.js';
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
  imageId: optional(nonEmptyString),
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

const projectNames = object<ProjectNames>({
  project: string,
  services: array(object({ name: string, aliases: array(string) })),
});

/** Checks the content of a secret or config. */
export const assignedFile = object<AssignedFile>({
  id: branded<SecretId | ConfigId>(),
  kind: oneOf('secret', 'config'),
  name: string,
  data: string,
});

const setShape: Shape<Omit<AssignmentSet, 'tasks'>> = {
  clusterId: string,
  nodeId: branded(),
  sequence: integer,
  networks: array(networkOnNode),
  endpoints: array(endpoint),
  projects: orElse(array(projectNames), []),
  volumes: array(volumeSpec),
  files: array(assignedFile),
};

/** Checks a full assignment set from this node's disk. */
export const assignmentSet = object<AssignmentSet>({ ...setShape, tasks: array(assignedTask) });

/** A task that this worker cannot read, such as one from a newer manager. */
export interface MalformedTask {
  readonly id: TaskId;
  /** Absent if that field is malformed too. */
  readonly desired?: DesiredState;
  /** The bad field and what to do. */
  readonly reason: string;
}

/** An assignment set without the tasks that this worker cannot read. */
export interface ReceivedSet {
  readonly set: AssignmentSet;
  readonly malformed: readonly MalformedTask[];
}

/** A change of an assignment set without the tasks that this worker cannot read. */
export interface ReceivedChange {
  readonly change: AssignmentChange;
  readonly malformed: readonly MalformedTask[];
}

type Unread<Tasks> = Omit<Tasks, 'tasks'> & { readonly tasks: readonly unknown[] };

const unreadSet = object({
  set: object<Unread<AssignmentSet>>({ ...setShape, tasks: array(anything) }),
});

const unreadChange = object({
  change: object({
    sequence: integer,
    upsert: object<Unread<AssignmentChange['upsert']>>({
      tasks: orElse(array(anything), []),
      networks: optional(array(networkOnNode)),
      endpoints: optional(array(endpoint)),
      projects: optional(array(projectNames)),
      volumes: optional(array(volumeSpec)),
      files: optional(array(assignedFile)),
    }),
    remove: object<AssignmentChange['remove']>({
      tasks: optional(array(branded())),
      networks: optional(array(branded())),
      endpoints: optional(array(string)),
      projects: optional(array(string)),
      volumes: optional(array(string)),
      files: optional(array(string)),
    }),
  }),
});

/**
 * Checks a full set from a manager. A malformed task is listed apart, so that the others run; one
 * without an id makes the whole set malformed.
 */
export const receivedSet: Decoder<ReceivedSet> = (value, at) => {
  const { set } = unreadSet(value, at);
  const { tasks, malformed } = readTasks(set.tasks, 'set.tasks');
  return { ...fields(value, at), set: { ...set, tasks }, malformed };
};

/** Checks one change of an assignment set, as `receivedSet` does. */
export const receivedChange: Decoder<ReceivedChange> = (value, at) => {
  const { change } = unreadChange(value, at);
  const { tasks, malformed } = readTasks(change.upsert.tasks, 'change.upsert.tasks');
  return {
    ...fields(value, at),
    change: { ...change, upsert: { ...change.upsert, tasks } },
    malformed,
  };
};

const remedy = 'check that manager and worker have the same version';

const identity = object<{ readonly id: TaskId; readonly desired: unknown }>({
  id: branded(),
  desired: anything,
});

function readTasks(
  values: readonly unknown[],
  at: string,
): { readonly tasks: readonly AssignedTask[]; readonly malformed: readonly MalformedTask[] } {
  const tasks: AssignedTask[] = [];
  const malformed: MalformedTask[] = [];
  for (const [index, value] of values.entries()) {
    const { id, desired } = identity(value, `${at}[${String(index)}]`);
    try {
      tasks.push(decode(value, assignedTask, `task ${id}`, remedy));
    } catch (error) {
      const known = desiredStates.find((state) => state === desired);
      const wanted = known === undefined ? {} : { desired: known };
      malformed.push({ id, ...wanted, reason: messageOf(error) });
    }
  }
  return { tasks, malformed };
}
