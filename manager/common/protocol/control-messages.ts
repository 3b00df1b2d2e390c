import type { Decoder } from '../base/decode.js';
import {
  array,
  branded,
  count,
  dictionary,
  integer,
  isFields,
  nonEmptyString,
  number,
  object,
  oneOf,
  optional,
  string,
  tagged,
} from '../base/decode.js';
import type {
  AuditEntry,
  ClusterEvent,
  TaskLogLine,
  WatchMessage,
  WatchObject,
  WatchTable,
} from './control.js';
import { eventTypes, watchTables } from './control.js';
import { dataInfo, network, node, service, task, volume } from './object-decoders.js';
import type { StatsMessage } from './statistics.js';
import { isLogLine, logLineShape, nodeUsage, taskUsage } from './worker-stream-decoders.js';

/*
 * Decoders of the messages that a manager sends on a client's streams.
 */

type MessageOf<Kind> = Omit<Extract<WatchMessage, { readonly kind: Kind }>, 'kind'>;

const table = oneOf(...watchTables);
const inTable = object({ table });

function putOf(decoder: Decoder<WatchObject>): Decoder<MessageOf<'put'>> {
  return object({ table, object: decoder });
}

const puts: Readonly<Record<WatchTable, Decoder<MessageOf<'put'>>>> = {
  services: putOf(service),
  tasks: putOf(task),
  nodes: putOf(node),
  networks: putOf(network),
  volumes: putOf(volume),
  secrets: putOf(dataInfo),
  configs: putOf(dataInfo),
};

const put: Decoder<MessageOf<'put'>> = (value, at) => puts[inTable(value, at).table](value, at);

export const watchMessage = tagged<'kind', WatchMessage>('kind', {
  snapshot: object<MessageOf<'snapshot'>>({
    services: array(service),
    tasks: array(task),
    nodes: array(node),
    networks: array(network),
    volumes: array(volume),
    secrets: optional(array(dataInfo)),
    configs: optional(array(dataInfo)),
  }),
  put,
  remove: object({ table, id: nonEmptyString }),
});

export const auditEntry = object<AuditEntry>({
  number: count,
  at: number,
  who: string,
  role: string,
  serial: optional(string),
  from: optional(string),
  via: optional(string),
  action: string,
  result: string,
  changes: array(string),
});

export const clusterEvent = object<ClusterEvent>({
  number: count,
  at: number,
  type: oneOf(...eventTypes),
  action: string,
  id: string,
  name: string,
  attributes: dictionary(string),
});

const checkedLines = array(
  object<TaskLogLine>({
    ...logLineShape,
    taskId: string,
    service: string,
    slot: integer,
    containerName: string,
    node: string,
  }),
);

function isTaskLogLine(value: unknown): value is TaskLogLine {
  return (
    isFields(value) &&
    typeof value.taskId === 'string' &&
    typeof value.service === 'string' &&
    typeof value.containerName === 'string' &&
    typeof value.node === 'string' &&
    Number.isInteger(value.slot) &&
    isLogLine(value)
  );
}

/** Checks a batch of log lines; the slower decoder runs only to name a bad field. */
export const taskLogLines: Decoder<readonly TaskLogLine[]> = (value, at) =>
  Array.isArray(value) && value.every(isTaskLogLine) ? value : checkedLines(value, at);

export const statsMessage = object<StatsMessage>({
  kind: oneOf('snapshot', 'delta'),
  at: number,
  tasks: array(taskUsage),
  goneTasks: array(branded()),
  nodes: array(nodeUsage),
  goneNodes: array(branded()),
});
