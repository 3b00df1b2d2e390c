import type { IncomingHttpHeaders } from 'node:http';
import type { RequiredRight } from '../access/required-right.js';
import type { Clock } from '../common/base/clock.js';
import type { Logger } from '../common/base/log.js';
import type { NewId } from '../common/base/random.js';
import type { ClusterEvent } from '../common/protocol/control.js';
import type { Peer } from '../transport/peer.js';
import type { InvokeCall } from '../transport/invoke-call.js';
import type { WorkerCalls } from '../common/protocol/worker-calls.js';
import type { ClusterStore } from '../store/store.js';
import type { RequestTarget } from './api-version.js';
import type { ApiResponse } from './response.js';
import type { ExecRegistry } from './execs.js';
import type { StatisticsSource, UsageFeed } from './usage-feed.js';

/** Stored and live events of the cluster. */
export interface EventSource {
  /** Returns stored events since a time (ms), oldest first. */
  read(from: { readonly sinceMs: number }): readonly (readonly [ClusterEvent, string])[];
  /** Subscribes to live events; returns a function that unsubscribes. */
  listen(listener: (told: readonly [ClusterEvent, string]) => void): () => void;
}

export interface GatewayOptions {
  readonly store: Pick<ClusterStore, 'view' | 'watch'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: NewId;
  readonly workers: WorkerCalls;
  readonly statistics: StatisticsSource;
  readonly events: EventSource;
  /** The control API: mutating requests go through it, with the same checks and audit log. */
  readonly control: InvokeCall;
  /** Adds an audit record for an action that does not change the store. */
  readonly note: (peer: Peer, action: string, about: string) => Promise<void>;
  /** Audit records of reads that reveal data and of failed requests; they never reject. */
  readonly audit: {
    revealed(peer: Peer, action: string, about: string): Promise<void>;
    failed(peer: Peer, action: string, error: unknown): Promise<void>;
  };
  readonly cluster: {
    readonly id: string;
    readonly name: string;
    readonly nodeId: string;
    readonly version: string;
    readonly strategy: string;
  };
}

export type JsonBody = Readonly<Record<string, unknown>>;

export interface GatewayContext extends GatewayOptions {
  readonly execs: ExecRegistry;
  readonly usage: UsageFeed;
}

export interface ApiRequest extends RequestTarget {
  readonly peer: Peer;
  /** Aborted when the client disconnects. */
  readonly signal: AbortSignal;
  /** Reads the JSON body; an absent body is an empty object. Throws `invalid` for other values. */
  readonly body: () => Promise<JsonBody>;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** Headers by name with each value that was sent. */
  readonly distinctHeaders: NodeJS.Dict<string[]>;
  /** The body as it arrives, for uploads; empty for a connection upgrade. */
  readonly upload: AsyncIterable<Uint8Array>;
}

/** Handles one route; `names` are the capture groups of its pattern. */
export type RouteHandler = (
  context: GatewayContext,
  request: ApiRequest,
  ...names: readonly string[]
) => ApiResponse | Promise<ApiResponse>;

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly pattern: RegExp;
  /** Right that the route requires; objects of other projects are hidden from its handler. */
  readonly right: RequiredRight;
  /** The response shows what containers or images hold, so each request is recorded. */
  readonly reveals?: true;
  readonly handler: RouteHandler;
}
