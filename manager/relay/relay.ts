import { once } from 'node:events';
import type { Clock } from '../common/base/clock.js';
import { AppError, isAppError, messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import {
  forwardedPeerHeader,
  isNotLeaderError,
  notLeaderError,
  apiPaths,
} from '../common/protocol/messages.js';
import type { Peer } from '../transport/peer.js';
import { idempotentCalls, isConnectError } from '../common/protocol/call-effects.js';
import { ManagerHttpClient } from '../common/protocol/transport-call.js';
import type { Connection } from '../common/protocol/transport-connection.js';
import { forwardMessages } from '../transport/forward.js';
import type { CallRequest, StreamRequest } from '../transport/request-router.js';
import type { PeerCertificateFields, TlsMaterial } from '../common/protocol/transport-tls.js';
import type { RawHttpRequest, RawHttpUpgrade } from '../transport/transport-raw-http.js';
import { dial } from '../common/protocol/transport.js';
import type { Leader } from '../store/election.js';
import { LeaderWatch } from './leader-watch.js';
import type { ForwardTarget } from './web-relay.js';
import {
  forwardUpgrade,
  forwardRequest,
  isUpload,
  pipeSockets,
  pipeResponse,
} from './web-relay.js';

export interface RelayOptions {
  readonly clusterName: string;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Current TLS material: certificates are renewed while the manager runs. */
  readonly tls: () => TlsMaterial;
  readonly verifyPeer: (certificate: PeerCertificateFields) => void;
  /** The leader, if known. */
  readonly leader: () => Leader | undefined;
  /** True if this manager is the leader and can serve requests itself. */
  readonly isLeader: () => boolean;
  /** Reason why the leader is unknown, e.g. an unreachable Consul. */
  readonly trouble: () => string | undefined;
}

/** How long a request waits for a leader: an election takes about a second. */
const leaderTimeoutMs = 10_000;
/** Shorter wait while Consul is unreachable. */
const troubleTimeoutMs = 2_500;
/** Shorter than the worker's timeout for the welcome message. */
const redirectTimeoutMs = 2_000;
const pollMs = 25;
const connectTimeoutMs = 1_500;
const askTimeoutMs = 5_000;
/** Upper bound only: the client has its own deadline and disconnects. */
const callTimeoutMs = 15 * 60_000;

interface RelayRequest {
  readonly identity: Peer;
  readonly signal?: AbortSignal;
  /** The request is idempotent, so it may be retried after a lost connection. */
  readonly isIdempotent: boolean;
}

/** `self` if this manager has become the leader and must serve the request itself. */
export type RelayResult<Value> =
  { readonly kind: 'self' } | { readonly kind: 'answer'; readonly value: Value };

/**
 * Serves requests on a follower: client requests are forwarded to the leader, workers are
 * redirected to it. Requests during an election wait for the next leader. A request that may have
 * been executed is retried only if it is idempotent.
 */
export class Relay {
  readonly #options: RelayOptions;
  #caller:
    | { readonly address: string; readonly tls: TlsMaterial; readonly http: ManagerHttpClient }
    | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  async call(request: CallRequest<Peer>): Promise<RelayResult<unknown>> {
    const { path, body, identity, signal } = request;
    const isIdempotent = idempotentCalls.has(path.slice(apiPaths.call.length));
    return this.#withLeader({ identity, signal, isIdempotent }, async (leader) => {
      const http = this.#callerFor(leader);
      const headers = this.#headers(identity);
      const watch = this.#watch(leader);
      const anyAborted = AbortSignal.any([signal, watch.gone]);
      try {
        return await http.call({
          path,
          body,
          signal: anyAborted,
          headers,
          timeoutMs: callTimeoutMs,
        });
      } catch (error) {
        throw watch.gone.aborted && !signal.aborted ? watch.error() : error;
      } finally {
        watch.stop();
      }
    });
  }

  /** Forwards a stream; resolves when it has ended. */
  async stream(request: StreamRequest<Peer>): Promise<RelayResult<void>> {
    const { path, identity } = request;
    const { tls, verifyPeer } = this.#options;
    const opened = await this.#withLeader({ identity, isIdempotent: true }, async (leader) => ({
      leader,
      upstream: await dial({
        address: leader.address,
        path,
        tls: tls(),
        verifyPeer,
        keepAlive: 'stream',
        headers: this.#headers(identity),
        timeoutMs: connectTimeoutMs,
      }),
    }));
    if (opened.kind === 'self') return opened;
    const { leader, upstream } = opened.value;
    let downstream: Connection;
    try {
      downstream = await request.accept('stream');
    } catch (error) {
      upstream.close();
      throw error;
    }
    const watch = this.#watch(leader);
    await Promise.all([this.#pumpDown(upstream, downstream, watch), pumpUp(downstream, upstream)]);
    return { kind: 'answer', value: undefined };
  }

  /** Forwards a plain HTTP request; resolves when the response is complete. */
  async web(web: RawHttpRequest<Peer>): Promise<RelayResult<void>> {
    const { request, response, identity, signal } = web;
    const body = isUpload(request) ? undefined : await web.body();
    const isIdempotent = request.method === 'GET' || request.method === 'HEAD';
    const opened = await this.#withLeader({ identity, signal, isIdempotent }, async (leader) => ({
      leader,
      answer: await forwardRequest({ request, body, signal }, this.#hopTo(leader, identity)),
    }));
    if (opened.kind === 'self') return opened;
    const { leader, answer } = opened.value;
    const watch = this.#watch(leader);
    await pipeResponse(answer, response, watch.gone).finally(() => {
      watch.stop();
    });
    return { kind: 'answer', value: undefined };
  }

  /** Forwards an HTTP connection upgrade; resolves when the upgraded connection has ended. */
  async webUpgrade(web: RawHttpUpgrade<Peer>): Promise<RelayResult<void>> {
    const { request, body, identity, socket, hijacked: taken } = web;
    const gone = new AbortController();
    socket.once('close', () => {
      gone.abort();
    });
    const message = { request, body, signal: gone.signal };
    const opened = await this.#withLeader({ identity, isIdempotent: false }, async (leader) => ({
      leader,
      upgraded: await forwardUpgrade(message, this.#hopTo(leader, identity)),
    }));
    if (opened.kind === 'self') return opened;
    const { leader, upgraded } = opened.value;
    taken();
    const watch = this.#watch(leader);
    await pipeSockets(upgraded, socket, watch.gone).finally(() => {
      watch.stop();
    });
    return { kind: 'answer', value: undefined };
  }

  /** Calls the leader as this manager. Undefined if this manager leads or no leader is known. */
  async askLeader(path: string): Promise<unknown> {
    const leader = this.#options.leader();
    if (
      this.#options.isLeader() ||
      leader === undefined ||
      leader.nodeId === this.#options.nodeId
    ) {
      return undefined;
    }
    return this.#callerFor(leader).call({ path, body: {}, timeoutMs: askTimeoutMs });
  }

  /**
   * Redirects a worker to the leader. During an election it first waits up to 2 s for a leader.
   */
  async redirect(request: StreamRequest<Peer>): Promise<void> {
    const connection = await request.accept('session');
    const { clock, leader: leaderNow, isLeader: leads, nodeId } = this.#options;
    const startedAt = clock.elapsed();
    let leader = leaderNow();
    while (
      (leader === undefined || (leader.nodeId === nodeId && !leads())) &&
      clock.elapsed() - startedAt < redirectTimeoutMs
    ) {
      await this.#pause(undefined);
      leader = leaderNow();
    }
    const known = leader === undefined ? {} : { leader: leader.address };
    connection.post(JSON.stringify({ kind: 'redirect', ...known }));
    connection.close(1000, 'this manager is not the leader');
  }

  close(): void {
    this.#caller?.http.close();
  }

  async #withLeader<Value>(
    { identity, signal, isIdempotent }: RelayRequest,
    ask: (leader: Leader) => Promise<Value>,
  ): Promise<RelayResult<Value>> {
    const { isLeader: leads, leader: leaderNow, nodeId, clock } = this.#options;
    const startedAt = clock.elapsed();
    let reason = 'none elected yet';
    for (;;) {
      if (leads()) return { kind: 'self' };
      // Already forwarded once: the sender looks up the new leader itself.
      if (identity.via !== undefined) throw notLeaderError('this manager is not the leader');
      const leader = leaderNow();
      if (leader !== undefined && leader.nodeId !== nodeId) {
        const asked = await attempt(() => ask(leader), isIdempotent);
        if ('value' in asked) return { kind: 'answer', value: asked.value };
        reason = asked.failed;
      }
      this.#giveUpAfter(startedAt, reason);
      await this.#pause(signal);
    }
  }

  #giveUpAfter(startedAt: number, reason: string): void {
    const { clock, trouble, clusterName } = this.#options;
    const why = trouble();
    const waited = clock.elapsed() - startedAt;
    if (waited < (why === undefined ? leaderTimeoutMs : troubleTimeoutMs)) return;
    throw notLeaderError(
      `cluster ${clusterName} has no leading manager: ${why ?? reason}; running containers are not affected, retry later`,
    );
  }

  #pause(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true)
        reject(new AppError('cancelled', 'request: client disconnected'));
      else this.#options.clock.after(pollMs, resolve);
    });
  }

  #headers(identity: Peer): Readonly<Record<string, string>> {
    return { [forwardedPeerHeader]: JSON.stringify(identity) };
  }

  #hopTo({ address }: Leader, identity: Peer): ForwardTarget {
    const { tls, verifyPeer } = this.#options;
    return { address, tls: tls(), verifyPeer, headers: this.#headers(identity), connectTimeoutMs };
  }

  #callerFor({ address }: Leader): ManagerHttpClient {
    const { verifyPeer } = this.#options;
    const tls = this.#options.tls();
    const cached = this.#caller;
    if (cached?.address === address && cached.tls === tls) return cached.http;
    // A caller with an older certificate stays open: it may have calls in flight.
    if (cached?.address !== address) cached?.http.close();
    const http = new ManagerHttpClient({ address, tls, verifyPeer, connectTimeoutMs });
    this.#caller = { address, tls, http };
    return http;
  }

  /**
   * Pumps messages from the leader to the client. A lost leader is sent to the client as an error.
   */
  async #pumpDown(upstream: Connection, downstream: Connection, watch: LeaderWatch): Promise<void> {
    try {
      const pumped = forwardMessages(upstream, downstream);
      pumped.catch(() => undefined);
      await Promise.race([pumped, aborted(watch.gone)]);
      if (watch.gone.aborted) throw watch.error();
      downstream.close();
    } catch (error) {
      this.#options.log.debug(`relay: ${messageOf(error)}`);
      const lost = { kind: 'unavailable', message: 'connection to the leading manager lost' };
      await downstream.send(JSON.stringify({ error: lost })).catch(() => undefined);
      downstream.close();
      upstream.close();
    } finally {
      watch.stop();
    }
  }

  #watch(leader: Leader): LeaderWatch {
    return new LeaderWatch(leader, this.#options.leader, this.#options.clock);
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

async function pumpUp(downstream: Connection, upstream: Connection): Promise<void> {
  try {
    await forwardMessages(downstream, upstream);
  } catch {
    // One end has closed; the other direction reports it.
  }
  upstream.close();
}

/** Runs a request once. Throws if it may have been executed and must not be retried. */
async function attempt<Value>(
  ask: () => Promise<Value>,
  isIdempotent: boolean,
): Promise<{ readonly value: Value } | { readonly failed: string }> {
  try {
    return { value: await ask() };
  } catch (error) {
    const canRetry =
      isNotLeaderError(error) ||
      isConnectError(error) ||
      (isIdempotent && isConnectionError(error));
    if (!canRetry) throw withoutCause(error);
    return { failed: messageOf(error) };
  }
}

/** True for connection errors, as opposed to error responses. */
function isConnectionError(error: unknown): error is AppError {
  return isAppError(error) && error.kind === 'unavailable' && error.cause !== undefined;
}

/** Removes the cause from a connection error: a client would take it for a failure to reach us. */
function withoutCause(error: unknown): unknown {
  if (!isConnectionError(error)) return error;
  return new AppError(
    'unavailable',
    `connection to the leading manager lost before it responded (${error.message}); check whether the change was made before you retry`,
  );
}
