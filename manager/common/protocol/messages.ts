import type { NodeDescription } from '../model/node.js';
import type { NetworkId, TaskId } from '../model/ids.js';
import type { StuckRemoval } from '../model/network-view.js';
import type { TaskStatus } from '../model/task.js';
import type { ErrorKind } from '../base/errors.js';
import { AppError, isAppError } from '../base/errors.js';
import type { AssignmentChange, AssignmentSet } from './assignments.js';
import type { WorkerCall, WorkerStreamRequest } from './worker-calls.js';

/** Version of the worker session protocol: JSON text messages on one WebSocket over mutual TLS. */
export const protocolVersion = 1;

export const apiPaths = {
  /** Prefix of every path of this API except `metrics`. */
  own: '/v1/',
  /** Worker session (WebSocket). */
  session: '/v1/session',
  /** Stream that the manager asked a worker to open: `/v1/worker-stream/<streamId>`. */
  workerStream: '/v1/worker-stream/',
  /** Client calls: `POST /v1/call/<name>`. */
  call: '/v1/call/',
  /** Client streams: WebSocket `/v1/stream/<name>`; the first message is the arguments. */
  stream: '/v1/stream/',
  health: '/v1/health',
  /** For machines that join with a token and have no certificate yet: see security.ts. */
  join: '/v1/join',
  authority: '/v1/authority',
  /** Keys that seal secrets in the store; managers only. */
  sealingKeys: '/v1/sealing-keys',
  /** Metrics in Prometheus text format; requires a client certificate. */
  metrics: '/metrics',
} as const;

/**
 * Header of a request that a manager forwards to the leader: the original client, a `Peer` as JSON.
 */
export const forwardedPeerHeader = 'x-shoal-behalf';

const notLeadingDetail = 'not-leading';

/** Error of a manager that is not the leader: the request was not executed and can be retried. */
export function notLeaderError(message: string): AppError {
  return new AppError('unavailable', message, { detail: notLeadingDetail });
}

export function isNotLeaderError(error: unknown): boolean {
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
      /** Every task on the node, running or ended, that the manager has not yet removed. */
      readonly reports: readonly TaskReport[];
      /** Names of named volumes on the node, so that services are placed where their data is. */
      readonly volumes: readonly string[];
      /** Overlay networks that exist on the node. */
      readonly networks: readonly NetworkId[];
      /** Present while the node's engine does not answer. */
      readonly engine?: 'silent';
    }
  /**
   * Overlay networks that exist on the node, sent after each change so that gateways are released.
   */
  | {
      readonly kind: 'networks';
      readonly networks: readonly NetworkId[];
      /** Networks that the engine refuses to remove, with the problem and its remedy. */
      readonly stuck?: readonly StuckRemoval[];
    }
  /** `engine` is present while the node's engine does not answer. */
  | { readonly kind: 'heartbeat'; readonly engine?: 'silent' }
  /** Requests an image that no registry provides from any other node. Answered by `image`. */
  | {
      readonly kind: 'want-image';
      readonly requestId: number;
      readonly image: string;
      readonly platform?: string;
    }
  /** Certificate signing request (PKCS #10, PEM) to renew the session's certificate. */
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
      /** Heartbeat interval, ms. */
      readonly heartbeatMs: number;
      /** Addresses (`host:port`) of all managers, for failover. */
      readonly managers: readonly string[];
      /** Ids of revoked authorities, see ca/pki-peer.ts. */
      readonly refusedAuthorities?: readonly string[];
    }
  /** Sent when the managers' addresses change; lists all of them. */
  | { readonly kind: 'managers'; readonly managers: readonly string[] }
  /** This manager is not the leader; reconnect to `leader`. */
  | { readonly kind: 'redirect'; readonly leader?: string }
  | { readonly kind: 'assignments'; readonly set: AssignmentSet }
  | { readonly kind: 'change'; readonly change: AssignmentChange }
  | { readonly kind: 'call'; readonly callId: number; readonly call: WorkerCall }
  | { readonly kind: 'cancel'; readonly callId: number }
  /** Answer to `want-image`: the image was loaded from node `from`, or the error. */
  | {
      readonly kind: 'image';
      readonly requestId: number;
      readonly from?: string;
      readonly error?: { readonly kind: ErrorKind; readonly message: string };
    }
  /** Answer to `renew`: the certificate chain, PEM, or the error. */
  | {
      readonly kind: 'certificate';
      readonly requestId: number;
      readonly chain?: string;
      readonly error?: { readonly kind: ErrorKind; readonly message: string };
    }
  /**
   * The node's tasks are replaced because its engine does not answer: cut its containers off until
   * the next full set.
   */
  | { readonly kind: 'fence' }
  /** Renew the certificate now and reconnect with the new one. */
  | { readonly kind: 'renew-now' }
  /** Revoke these authorities: refuse managers whose certificates they signed. */
  | { readonly kind: 'refuse-authorities'; readonly ids: readonly string[] }
  /** Dial back to `paths.workerStream + streamId` and serve the request there. */
  | { readonly kind: 'open'; readonly streamId: string; readonly request: WorkerStreamRequest };
