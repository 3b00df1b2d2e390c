import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../common/base/clock.js';
import { AppError, isAppError, messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import { behalfHeader, isNotLeading, notLeading, paths } from '../common/protocol/messages.js';
import type { Peer } from '../transport/peer.js';
import { repeatableCalls, wasNotSent } from '../common/protocol/repeat.js';
import { HttpCaller } from '../common/protocol/transport-call.js';
import type { Connection } from '../common/protocol/transport-connection.js';
import type { CallRequest, StreamRequest } from '../transport/transport-server.js';
import type { PeerCertificateNames, TlsMaterial } from '../common/protocol/transport-tls.js';
import type { WebRequest, WebUpgrade } from '../transport/transport-web.js';
import { dial } from '../common/protocol/transport.js';
import type { Leader } from '../store/election.js';
import { LeaderWatch } from './leader-watch.js';
import type { WebHop, WebUpgraded } from './web-relay.js';
import { askUpgrade, askWeb, joinSockets, pourWeb } from './web-relay.js';

export interface RelayOptions {
  readonly clusterName: string;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** As it is now: certificates are renewed while the manager runs. */
  readonly tls: () => TlsMaterial;
  readonly verifyPeer: (certificate: PeerCertificateNames) => void;
  /** Who leads, as far as is known. */
  readonly leader: () => Leader | undefined;
  /** Whether requests can be served here. */
  readonly leads: () => boolean;
  /** Why it cannot be known who leads. */
  readonly trouble: () => string | undefined;
}

/** How long a request waits for somebody to lead: an election takes about a second. */
const patienceMs = 10_000;
/** With Consul away there is no use in waiting that long. */
const troublePatienceMs = 2_500;
/** Less than a worker waits for a welcome. */
const redirectPatienceMs = 2_000;
const lookMs = 25;
const connectTimeoutMs = 1_500;
const askTimeoutMs = 5_000;
/** The client has a deadline of its own, and hangs up when it is over. */
const callTimeoutMs = 15 * 60_000;

interface Upstream {
  readonly leader: Leader;
  readonly upstream: Connection;
}

interface Asked {
  readonly identity: Peer;
  readonly signal?: AbortSignal;
  /** Doing it twice does no more than doing it once. */
  readonly again: boolean;
}

/** `self` when this manager leads by now. */
export type Relayed =
  { readonly kind: 'self' } | { readonly kind: 'answer'; readonly value: unknown };

/**
 * A follower's way to serve: what clients ask is passed on to the leader, what workers ask is answered with
 * where the leader is. Requests that come between two leaders wait for the next one. A request that may
 * have been carried out is never sent twice.
 */
export class Relay {
  readonly #options: RelayOptions;
  #caller:
    { readonly address: string; readonly tls: TlsMaterial; readonly http: HttpCaller } | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  async call(request: CallRequest<Peer>): Promise<Relayed> {
    const { path, body, identity, signal } = request;
    const again = repeatableCalls.has(path.slice(paths.call.length));
    return this.#withLeader({ identity, signal, again }, async (leader) => {
      const http = this.#callerFor(leader);
      const headers = this.#headers(identity);
      const watch = this.#watch(leader);
      const either = AbortSignal.any([signal, watch.gone]);
      try {
        return await http.call({ path, body, signal: either, headers, timeoutMs: callTimeoutMs });
      } catch (error) {
        throw watch.gone.aborted && !signal.aborted ? watch.error() : error;
      } finally {
        watch.stop();
      }
    });
  }

  /** Resolves when the stream has ended. */
  async stream(request: StreamRequest<Peer>): Promise<Relayed> {
    const { path, identity } = request;
    const { tls, verifyPeer } = this.#options;
    const opened = await this.#withLeader({ identity, again: true }, async (leader) => ({
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
    const { leader, upstream } = opened.value as Upstream;
    let downstream: Connection;
    try {
      downstream = await request.accept('stream');
    } catch (error) {
      upstream.close();
      throw error;
    }
    const watch = this.#watch(leader);
    await Promise.all([this.#down(upstream, downstream, watch), up(downstream, upstream)]);
    return { kind: 'answer', value: undefined };
  }

  /** Plain HTTP: resolves when the whole answer was passed on. */
  async web(web: WebRequest<Peer>): Promise<Relayed> {
    const { request, response, identity, signal } = web;
    const body = await web.body();
    const again = request.method === 'GET' || request.method === 'HEAD';
    const opened = await this.#withLeader({ identity, signal, again }, async (leader) => ({
      leader,
      answer: await askWeb({ request, body, signal }, this.#hopTo(leader, identity)),
    }));
    if (opened.kind === 'self') return opened;
    const { leader, answer } = opened.value as { leader: Leader; answer: IncomingMessage };
    const watch = this.#watch(leader);
    await pourWeb(answer, response, watch.gone).finally(() => {
      watch.stop();
    });
    return { kind: 'answer', value: undefined };
  }

  /** Plain HTTP whose connection is to be the leader's: resolves when that has ended. */
  async webUpgrade(web: WebUpgrade<Peer>): Promise<Relayed> {
    const { request, body, identity, socket, taken } = web;
    const gone = new AbortController();
    socket.once('close', () => {
      gone.abort();
    });
    const message = { request, body, signal: gone.signal };
    const opened = await this.#withLeader({ identity, again: false }, async (leader) => ({
      leader,
      upgraded: await askUpgrade(message, this.#hopTo(leader, identity)),
    }));
    if (opened.kind === 'self') return opened;
    const { leader, upgraded } = opened.value as { leader: Leader; upgraded: WebUpgraded };
    taken();
    const watch = this.#watch(leader);
    await joinSockets(upgraded, socket, watch.gone).finally(() => {
      watch.stop();
    });
    return { kind: 'answer', value: undefined };
  }

  /** Asks the leader for this manager itself; undefined while it leads, or nobody does. */
  async askLeader(path: string): Promise<unknown> {
    const leader = this.#options.leader();
    if (this.#options.leads() || leader === undefined || leader.nodeId === this.#options.nodeId) {
      return undefined;
    }
    return this.#callerFor(leader).call({ path, body: {}, timeoutMs: askTimeoutMs });
  }

  /** Tells a worker where to go; between two leaders it waits a moment, so that the worker need not. */
  async redirect(request: StreamRequest<Peer>): Promise<void> {
    const connection = await request.accept('session');
    const { clock, leader: leaderNow, leads, nodeId } = this.#options;
    const since = clock.elapsed();
    let leader = leaderNow();
    while (
      (leader === undefined || (leader.nodeId === nodeId && !leads())) &&
      clock.elapsed() - since < redirectPatienceMs
    ) {
      await this.#pause(undefined);
      leader = leaderNow();
    }
    const known = leader === undefined ? {} : { leader: leader.address };
    connection.post(JSON.stringify({ kind: 'redirect', ...known }));
    connection.close(1000, 'this manager does not lead');
  }

  close(): void {
    this.#caller?.http.close();
  }

  async #withLeader(
    { identity, signal, again }: Asked,
    ask: (leader: Leader) => Promise<unknown>,
  ): Promise<Relayed> {
    const { leads, leader: leaderNow, nodeId, clock } = this.#options;
    const since = clock.elapsed();
    let reason = 'none is elected';
    for (;;) {
      if (leads()) return { kind: 'self' };
      // Passed on once already: the other end finds out for itself who leads now.
      if (identity.via !== undefined) throw notLeading('this manager does not lead');
      const leader = leaderNow();
      if (leader !== undefined && leader.nodeId !== nodeId) {
        const asked = await attempt(() => ask(leader), again);
        if ('value' in asked) return { kind: 'answer', value: asked.value };
        reason = asked.failed;
      }
      this.#giveUpAfter(since, reason);
      await this.#pause(signal);
    }
  }

  #giveUpAfter(since: number, reason: string): void {
    const { clock, trouble, clusterName } = this.#options;
    const why = trouble();
    const waited = clock.elapsed() - since;
    if (waited < (why === undefined ? patienceMs : troublePatienceMs)) return;
    throw notLeading(
      `cluster ${clusterName} has no leading manager: ${why ?? reason}; what runs goes on, changes have to wait`,
    );
  }

  #pause(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) reject(new AppError('cancelled', 'the client has gone'));
      else this.#options.clock.after(lookMs, resolve);
    });
  }

  #headers(identity: Peer): Readonly<Record<string, string>> {
    return { [behalfHeader]: JSON.stringify(identity) };
  }

  #hopTo({ address }: Leader, identity: Peer): WebHop {
    const { tls, verifyPeer } = this.#options;
    return { address, tls: tls(), verifyPeer, headers: this.#headers(identity), connectTimeoutMs };
  }

  #callerFor({ address }: Leader): HttpCaller {
    const { verifyPeer } = this.#options;
    const tls = this.#options.tls();
    const there = this.#caller;
    if (there?.address === address && there.tls === tls) return there.http;
    // One with an older certificate still has calls under way.
    if (there?.address !== address) there?.http.close();
    const http = new HttpCaller({ address, tls, verifyPeer, connectTimeoutMs });
    this.#caller = { address, tls, http };
    return http;
  }

  /** What the leader sends goes to the client; a leader that is lost is an error of the stream. */
  async #down(upstream: Connection, downstream: Connection, watch: LeaderWatch): Promise<void> {
    try {
      const pumped = pump(upstream, downstream);
      pumped.catch(() => undefined);
      await Promise.race([pumped, aborted(watch.gone)]);
      if (watch.gone.aborted) throw watch.error();
      downstream.close();
    } catch (error) {
      this.#options.log.debug(`relay: ${messageOf(error)}`);
      const lost = { kind: 'unavailable', message: 'the leading manager has gone' };
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

async function pump(from: Connection, to: Connection): Promise<void> {
  for await (const message of from) await to.send(message);
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

async function up(downstream: Connection, upstream: Connection): Promise<void> {
  try {
    await pump(downstream, upstream);
  } catch {
    // Either end has gone; the other direction tells of it.
  }
  upstream.close();
}

/** Throws when the request may have been carried out, so that it must not be sent again. */
async function attempt(
  ask: () => Promise<unknown>,
  again: boolean,
): Promise<{ readonly value: unknown } | { readonly failed: string }> {
  try {
    return { value: await ask() };
  } catch (error) {
    const free = isNotLeading(error) || wasNotSent(error) || (again && wasCut(error));
    if (!free) throw lostOnTheWay(error);
    return { failed: messageOf(error) };
  }
}

/** Something of the connection, not an answer. */
function wasCut(error: unknown): error is AppError {
  return isAppError(error) && error.kind === 'unavailable' && error.cause !== undefined;
}

/** A cause would make the client believe that we were not reached. */
function lostOnTheWay(error: unknown): unknown {
  if (!wasCut(error)) return error;
  return new AppError(
    'unavailable',
    `the leading manager went away before it answered (${error.message}): look whether it was done before trying again`,
  );
}
