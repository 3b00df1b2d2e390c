import {
  array,
  branded,
  count,
  dictionary,
  nonEmptyString,
  number,
  object,
  oneOf,
  optional,
  string,
  tagged,
} from '../common/base/decode.js';
import type { ClientRecord } from '../common/model/trust/client.js';
import { clientRoles } from '../common/model/trust/client.js';
import type { ProjectRecord } from '../common/model/trust/project-policy.js';
import type { ImageRecord } from '../common/model/trust/image-record.js';
import type { JoinToken } from '../common/model/trust/join-token.js';
import type { Lease } from '../common/model/network.js';
import { eventTypes } from '../common/protocol/control.js';
import { meta, projectPolicy, projectQuota } from '../common/protocol/object-decoders.js';
import type { AuditRecord, EventRecord, RecordedEvent } from './journal.js';
import type { ClusterRecord } from './store.js';

/*
 * Decoders of the objects that only the store holds.
 */

const strings = array(string);

export const lease = object<Lease>({
  ...meta,
  id: branded(),
  holder: tagged<'kind', Lease['holder']>('kind', {
    task: object({ taskId: branded() }),
    gateway: object({ nodeId: branded(), networkId: branded() }),
    fenced: object({ nodeId: branded() }),
  }),
});

export const imageRecord = object<ImageRecord>({
  ...meta,
  id: branded(),
  contents: dictionary(nonEmptyString),
  digest: optional(nonEmptyString),
  source: oneOf('client', 'copy'),
  nodeId: branded(),
});

const joinToken = object<JoinToken>({
  id: nonEmptyString,
  role: oneOf('worker'),
  label: string,
  hash: string,
  createdAt: number,
  expiresAt: number,
  usesLeft: optional(number),
  used: number,
});

const clientRecord = object<ClientRecord>({
  name: nonEmptyString,
  role: oneOf(...clientRoles),
  projects: strings,
  createdAt: number,
  lifetimeMs: number,
  certificates: array(
    object({ serial: nonEmptyString, fingerprint: nonEmptyString, expiresAt: number }),
  ),
});

export const clusterRecord = object<ClusterRecord>({
  ...meta,
  id: oneOf('cluster'),
  clusterId: nonEmptyString,
  name: string,
  revoked: strings,
  refusedAuthorities: optional(strings),
  refusedClients: optional(strings),
  rotation: optional(object({ from: string, to: string, startedAt: number })),
  authorities: optional(dictionary(strings)),
  retiring: optional(array(object({ authority: string, nodeId: string }))),
  tokens: optional(array(joinToken)),
  clients: optional(array(clientRecord)),
  certificateLifetimeMs: optional(number),
});

export const projectRecord = object<ProjectRecord>({
  ...meta,
  id: nonEmptyString,
  policy: optional(projectPolicy),
  quota: optional(projectQuota),
});

const recordedEvent = object<RecordedEvent>({
  at: number,
  type: oneOf(...eventTypes),
  action: string,
  id: string,
  name: string,
  attributes: dictionary(string),
  project: string,
  mark: optional(string),
});

export const eventRecord = object<EventRecord>({
  ...meta,
  id: nonEmptyString,
  first: count,
  events: array(recordedEvent),
});

export const auditRecord = object<AuditRecord>({
  ...meta,
  id: nonEmptyString,
  who: string,
  role: oneOf('client', 'manager', 'worker'),
  serial: optional(string),
  from: optional(string),
  via: optional(string),
  action: string,
  number: count,
  at: number,
  result: optional(string),
  changes: strings,
});
