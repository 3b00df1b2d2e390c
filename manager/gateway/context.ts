import type { Clock } from '../common/base/clock.js';
import type { Logger } from '../common/base/log.js';
import type { NewId } from '../common/base/random.js';
import type { ClusterEvent } from '../common/protocol/control.js';
import type { Peer } from '../transport/peer.js';
import type { CallRequest } from '../transport/transport-server.js';
import type { WorkerCalls } from '../common/protocol/worker-calls.js';
import type { ClusterStore } from '../store/store.js';
import type { Target } from './api-version.js';
import type { Answer } from './answer.js';
import type { Execs } from './execs.js';
import type { Statistics, UseFeed } from './use-feed.js';

/** The cluster's events, those that were and those that come. */
export interface EventSource {
  /** Oldest first. */
  read(from: { readonly sinceMs: number }): readonly (readonly [ClusterEvent, string])[];
  /** Returns the way to end it. */
  listen(listener: (told: readonly [ClusterEvent, string]) => void): () => void;
}

export interface GatewayOptions {
  readonly store: Pick<ClusterStore, 'view' | 'watch'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: NewId;
  readonly workers: WorkerCalls;
  readonly statistics: Statistics;
  readonly events: EventSource;
  /** The client's calls: what changes something goes the same way, and is noted in the same audit. */
  readonly control: (request: CallRequest<Peer>) => Promise<unknown>;
  /** Notes in the audit what changes nothing in the store. */
  readonly note: (peer: Peer, action: string, about: string) => Promise<void>;
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
  readonly execs: Execs;
  readonly uses: UseFeed;
}

export interface ApiRequest extends Target {
  readonly peer: Peer;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
  /** The body as an object; empty without one. Throws `invalid` for anything else. */
  readonly body: () => Promise<JsonBody>;
}

/** `names` are what the route's pattern caught. */
export type Handler = (
  context: GatewayContext,
  request: ApiRequest,
  ...names: readonly string[]
) => Answer | Promise<Answer>;

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly pattern: RegExp;
  readonly handler: Handler;
}
