import type { NodeDescription } from '../model/node.js';
import type { NetworkId, TaskId } from '../model/ids.js';
import type { TaskStatus } from '../model/task.js';
import type { ErrorKind } from '../base/errors.js';
import { AppError, isAppError } from '../base/errors.js';
import type { AssignmentChange, AssignmentSet } from './assignments.js';
import type { WorkerCall, WorkerStreamRequest } from './worker-calls.js';

/** Spoken on a worker's session: one WebSocket over mutual TLS, JSON text messages. */
export const protocolVersion = 1;

export const paths = {
  /** Before all of ours but the metrics. */
  own: '/v1/',
  /** Worker's session. */
  session: '/v1/session',
  /** Worker's end of a stream it was asked to open: `/v1/worker-stream/<streamId>`. */
  workerStream: '/v1/worker-stream/',
  /** Client's calls: `POST /v1/call/<name>`. */
  call: '/v1/call/',
  /** Client's streams: WebSocket `/v1/stream/<name>`; the first message is the arguments. */
  stream: '/v1/stream/',
  health: '/v1/health',
  /** For machines that join by a token, without a certificate: see security.ts. */
  join: '/v1/join',
  authority: '/v1/authority',
  /** For managers: the keys that seal secrets in the store. */
  sealingKeys: '/v1/sealing-keys',
  /** Prometheus text, for clients of the user. */
  metrics: '/metrics',
} as const;

/** Header of what a manager passes on to the leader: the client it does so for, as `Peer` in JSON. */
export const behalfHeader = 'x-shoal-behalf';

const notLeadingDetail = 'not-leading';

/** What a manager answers that does not lead (yet): nothing was done, the same may be asked again. */
export function notLeading(message: string): AppError {
  return new AppError('unavailable', message, { detail: notLeadingDetail });
}

export function isNotLeading(error: unknown): boolean {
  return isAppError(error) && error.detail === notLeadingDetail;
}

export interface TaskReport {
  readonly taskId: TaskId;
  readonly status: TaskStatus;
}

/** Worker → manager. */
export type WorkerMessage =
  | {
      readonly kind: 'hello';
      readonly version: number;
      readonly clusterId: string;
      readonly nodeId: string;
      readonly name: string;
      readonly description: NodeDescription;
      /** Every task it knows, running or ended, that the manager has not yet removed. */
      readonly reports: readonly TaskReport[];
      /** Names of named volumes on its disk, so that pinned services find their data. */
      readonly volumes: readonly string[];
      /** Overlay networks that exist on it now. */
      readonly networks: readonly NetworkId[];
    }
  /** The overlay networks that exist on it now: sent after each change, so that gateways can be released. */
  | { readonly kind: 'networks'; readonly networks: readonly NetworkId[] }
  | { readonly kind: 'heartbeat' }
  /** The image is not here and no registry gives it: any node of the cluster may. Answered by `image`. */
  | {
      readonly kind: 'want-image';
      readonly requestId: number;
      readonly image: string;
      readonly platform?: string;
    }
  /** A request (PKCS #10, PEM) for a certificate to follow the one this session was opened with. */
  | { readonly kind: 'renew'; readonly requestId: number; readonly request: string }
  | { readonly kind: 'status'; readonly reports: readonly TaskReport[] }
  | { readonly kind: 'description'; readonly description: NodeDescription }
  | { readonly kind: 'result'; readonly callId: number; readonly result: unknown }
  | {
      readonly kind: 'failure';
      readonly callId: number;
      readonly error: { readonly kind: ErrorKind; readonly message: string };
    };

/** Manager → worker. */
export type ManagerMessage =
  | {
      readonly kind: 'welcome';
      readonly version: number;
      /** Send a heartbeat this often, ms. */
      readonly heartbeatMs: number;
      /** Addresses (`host:port`) of every manager, to try when this one is gone. */
      readonly managers: readonly string[];
      /** Ids of authorities that are trusted no more, see ca/pki-peer.ts. */
      readonly refusedAuthorities?: readonly string[];
    }
  /** The addresses of every manager have changed. */
  | { readonly kind: 'managers'; readonly managers: readonly string[] }
  /** This manager does not lead; try there. */
  | { readonly kind: 'redirect'; readonly leader?: string }
  | { readonly kind: 'assignments'; readonly set: AssignmentSet }
  | { readonly kind: 'change'; readonly change: AssignmentChange }
  | { readonly kind: 'call'; readonly callId: number; readonly call: WorkerCall }
  | { readonly kind: 'cancel'; readonly callId: number }
  /** Answer to `want-image`: it was loaded from node `from`, or why not. */
  | {
      readonly kind: 'image';
      readonly requestId: number;
      readonly from?: string;
      readonly error?: { readonly kind: ErrorKind; readonly message: string };
    }
  /** Answer to `renew`: the chain, PEM, or why not. */
  | {
      readonly kind: 'certificate';
      readonly requestId: number;
      readonly chain?: string;
      readonly error?: { readonly kind: ErrorKind; readonly message: string };
    }
  /** Renew the certificate now and come back with the new one. */
  | { readonly kind: 'renew-now' }
  /** From now on managers with certificates of these authorities are refused. */
  | { readonly kind: 'refuse-authorities'; readonly ids: readonly string[] }
  /** Dial back to `paths.workerStream + streamId` and serve this there. */
  | { readonly kind: 'open'; readonly streamId: string; readonly request: WorkerStreamRequest };
