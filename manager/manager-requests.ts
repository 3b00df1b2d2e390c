import { accessOf, requireAccess } from './access/client-access.js';
import { readCluster } from './access/required-right.js';
import type { Clock } from './common/base/clock.js';
import type { Logger } from './common/base/log.js';
import type { ControlApi } from './control/control.js';
import { AppError } from './common/base/errors.js';
import { apiPaths, notLeaderError } from './common/protocol/messages.js';
import type { AuthorityResponse, JoinResponse } from './common/protocol/security.js';
import type { ManagerSettings } from './common/settings/manager-settings.js';
import type { Relay, RelayResult } from './relay/relay.js';
import type { EndRequest } from './security/open-requests.js';
import { endStream, OpenRequests } from './security/open-requests.js';
import type { PresentedIdentity } from './security/credentials.js';
import { authorizePeer, readmitClient } from './security/credentials.js';
import { metricsContentType, metricsPage } from './stats/metrics-page.js';
import type { ClusterRecord } from './store/store.js';
import type { Election } from './store/election.js';
import type { LeaderTerm } from './term.js';
import type { Peer } from './transport/peer.js';
import { requireClient } from './transport/peer.js';
import type { CallRequest, RouterOptions, StreamRequest } from './transport/request-router.js';
import type {
  RawHttpHandler,
  RawHttpRequest,
  RawHttpUpgrade,
} from './transport/transport-raw-http.js';

export interface ManagerRequestsOptions {
  readonly settings: ManagerSettings;
  /** Certificate of the cluster's CA, PEM. */
  readonly authorityCertificate: string;
  readonly relay: Pick<Relay, 'call' | 'stream' | 'redirect' | 'web' | 'webUpgrade'>;
  /** The current term; undefined on a follower and before the store is open. */
  readonly term: () => LeaderTerm | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Undefined for a single manager. */
  readonly election: Pick<Election, 'leader'> | undefined;
}

/** Metrics of the leader; throws if this manager is a follower. */
export function leaderMetrics(term: LeaderTerm | undefined): string {
  if (term === undefined) throw notLeader();
  return metricsPage(term.store, term.statistics, term.counters());
}

function notLeader(hint = ''): AppError {
  return notLeaderError(`this manager is not the leader${hint}`);
}

/** Authorizes every request of workers and clients and serves it as leader or through the relay. */
export class ManagerRequests {
  readonly #options: ManagerRequestsOptions;
  readonly #open: OpenRequests;

  constructor(options: ManagerRequestsOptions) {
    this.#options = options;
    this.#open = new OpenRequests(options.log);
  }

  /** Ends open requests of clients that were revoked or have other rights now. */
  recheckClients(record: ClusterRecord): void {
    this.#open.recheck((peer) => {
      readmitClient(peer, this.#options.settings, record);
    });
  }

  /** The handlers for the server's router. */
  handlers(): Omit<RouterOptions<Peer>, 'log'> {
    const ca = this.#options.authorityCertificate;
    return {
      authenticate: (certificate, behalf, remote) =>
        this.#identify({ certificate, behalf, remote }),
      call: (request) => this.#call(request),
      stream: (request) => this.#stream(request),
      anonymous: {
        [apiPaths.authority]: () => Promise.resolve({ ca } satisfies AuthorityResponse),
        // Async, so that a synchronous throw becomes a rejection.
        [apiPaths.join]: async ({ body, remote }) => this.#join(body, remote),
      },
      health: { path: apiPaths.health, answer: () => this.#health() },
      page: {
        path: apiPaths.metrics,
        contentType: metricsContentType,
        answer: (peer) => {
          const term = this.#options.term();
          if (term === undefined) throw notLeader();
          requireAccess(accessOf(peer), { action: 'metrics', required: readCluster });
          return leaderMetrics(term);
        },
      },
      web: this.webHandler(),
    };
  }

  /** Routes all paths outside our prefix to the Docker API gateway. */
  webHandler(): RawHttpHandler<Peer> {
    return {
      matches: (path) => !path.startsWith(apiPaths.own) && path !== apiPaths.metrics,
      answer: (request) => this.#web(request),
      upgrade: (request) => this.#webUpgrade(request),
    };
  }

  #health(): object {
    const { settings, election } = this.#options;
    const leads = this.#options.term() !== undefined;
    return { ok: leads || election?.leader !== undefined, cluster: settings.clusterId, leads };
  }

  /** Handles the join request of a machine without a certificate. */
  #join(body: unknown, remote: string): Promise<JoinResponse> {
    const term = this.#options.term();
    if (term === undefined) {
      this.#requireElection();
      const leader = this.#options.election?.leader?.address;
      throw notLeader(leader === undefined ? '' : `; connect to ${leader}`);
    }
    if (term.security === undefined) {
      throw new AppError('unsupported', 'ca: this manager has no intermediate CA');
    }
    return term.security.joinService.join(body, remote);
  }

  #sealingKeys({ role, nodeId, via, authority }: Peer): { readonly keys: string } {
    if (role !== 'manager' || via !== undefined) {
      throw new AppError('forbidden', `sealing keys: not allowed for role ${role}`);
    }
    const term = this.#options.term();
    if (term === undefined) throw notLeader();
    if (authority !== undefined) term.security?.recordAuthority(nodeId, authority);
    return { keys: term.sealingKeysFor(nodeId) };
  }

  async #call(request: CallRequest<Peer>): Promise<unknown> {
    if (request.path === apiPaths.sealingKeys) return this.#sealingKeys(request.identity);
    if (!request.path.startsWith(apiPaths.call)) {
      throw new AppError('not-found', `path ${request.path}: not found`);
    }
    return this.#serveClient(request.identity, {
      asLeader: ({ control }) => control.call(request),
      relayed: () => this.#options.relay.call(request),
    });
  }

  /** Serves a client's request as leader, or through the relay until a leader has answered it. */
  async #serveClient<Answer>(
    peer: Peer,
    ways: {
      readonly asLeader: (term: LeaderTerm) => Promise<Answer>;
      readonly relayed: () => Promise<RelayResult<Answer>>;
    },
  ): Promise<Answer> {
    requireClient(peer);
    for (;;) {
      const term = this.#options.term();
      if (term !== undefined) return ways.asLeader(term);
      this.#requireElection();
      const relayed = await ways.relayed();
      if (relayed.kind === 'answer') return relayed.value;
    }
  }

  async #stream(request: StreamRequest<Peer>): Promise<void> {
    const { path } = request;
    const isSession = path === apiPaths.session;
    if (isSession || path.startsWith(apiPaths.workerStream)) {
      const term = this.#options.term();
      if (term !== undefined) return term.dispatcher.accept(request);
      this.#requireElection();
      if (isSession) return this.#options.relay.redirect(request);
      throw notLeader();
    }
    if (!path.startsWith(apiPaths.stream))
      throw new AppError('not-found', `path ${path}: not found`);
    return this.#serveClient(request.identity, {
      asLeader: ({ control }) => this.#serveStream(control, request),
      relayed: () => this.#options.relay.stream(request),
    });
  }

  async #serveStream(control: ControlApi, request: StreamRequest<Peer>): Promise<void> {
    let release: (() => void) | undefined;
    const { identity, accept } = request;
    try {
      await control.stream({
        ...request,
        accept: async (keepAlive) => {
          const connection = await accept(keepAlive);
          release = this.#open.add(identity, (error) => {
            endStream(connection, error, this.#options.clock);
          });
          return connection;
        },
      });
    } finally {
      release?.();
    }
  }

  async #whileOpen(peer: Peer, end: EndRequest, served: Promise<void>): Promise<void> {
    const release = this.#open.add(peer, end);
    await served.finally(release);
  }

  #web(request: RawHttpRequest<Peer>): Promise<void> {
    return this.#serveClient(request.identity, {
      asLeader: ({ gateway }) => {
        const end = (): void => {
          request.response.destroy();
        };
        return this.#whileOpen(request.identity, end, gateway.answer(request));
      },
      relayed: () => this.#options.relay.web(request),
    });
  }

  #webUpgrade(request: RawHttpUpgrade<Peer>): Promise<void> {
    return this.#serveClient(request.identity, {
      asLeader: ({ gateway }) => {
        const end = (): void => {
          request.socket.destroy();
        };
        return this.#whileOpen(request.identity, end, gateway.upgrade(request));
      },
      relayed: () => this.#options.relay.webUpgrade(request),
    });
  }

  /** Throws `unavailable` for a single manager without a term: it is still starting. */
  #requireElection(): void {
    if (this.#options.election === undefined)
      throw new AppError('unavailable', 'manager: is starting');
  }

  /** Only the leader has the cluster record; followers serve no nodes. */
  #identify(shown: PresentedIdentity): Peer {
    const term = this.#options.term();
    if (term === undefined) this.#requireElection();
    const record = term?.store.view.get('cluster', 'cluster');
    return authorizePeer(shown, this.#options.settings, record);
  }
}
