import type { Clock } from './common/base/clock.js';
import { AppError, NodeRemovedError } from './common/base/errors.js';
import type { Logger } from './common/base/log.js';
import type { NewId } from './common/base/random.js';
import { peerIdentity } from './common/pki/pki.js';
import type { Candidacy } from './candidacy/candidacy.js';
import type { ManagerCredentials } from './security/credentials.js';
import { authorizePeer } from './security/credentials.js';
import type { ManagerDirectory } from './control/context.js';
import { followMembers, sharedDirectory, singleDirectory } from './directory.js';
import type { KnownManager } from './dispatcher/manager-list.js';
import type { LivenessTiming } from './dispatcher/node-liveness.js';
import type { Probe } from './dispatcher/probe.js';
import { notLeaderError, apiPaths } from './common/protocol/messages.js';
import type { Peer } from './transport/peer.js';
import { requireClient } from './transport/peer.js';
import type { AuthorityResponse, JoinResponse } from './common/protocol/security.js';
import type { CallRequest, StreamRequest, TransportServer } from './transport/transport-server.js';
import { serve } from './transport/transport-server.js';
import type { PeerCertificateFields, TlsMaterial } from './common/protocol/transport-tls.js';
import type {
  RawHttpHandler,
  RawHttpRequest,
  RawHttpUpgrade,
} from './transport/transport-raw-http.js';
import { SealingKeySync } from './relay/sealing-key-sync.js';
import type { RelayResult } from './relay/relay.js';
import { Relay } from './relay/relay.js';
import type { ManagerSettings } from './common/settings/manager-settings.js';
import type { StoreBackend } from './store/backend.js';
import type { HeldLock, Term } from './store/election.js';
import { Election } from './store/election.js';
import { metricsContentType, metricsPage, MetricsServer } from './stats/metrics-page.js';
import { LeaderTerm } from './term.js';

export interface ManagerOptions {
  readonly settings: ManagerSettings;
  readonly tls: TlsMaterial;
  /** Renews `tls` and signs for workers; without it nothing is signed. */
  readonly credentials?: ManagerCredentials;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: NewId;
  /** Opens the store of a single manager, or the candidacy of one among several. */
  readonly openBackend: (() => Promise<StoreBackend>) | Candidacy;
  /** File of the sealing key; without it secrets are stored unencrypted. */
  readonly keyPath?: string;
  /** For tests: heartbeat timing and the reachability probe of machines. */
  readonly timing?: LivenessTiming;
  readonly probe?: Probe;
}

/** Serves workers and clients on one port: itself as leader, through the relay as follower. */
export class Manager {
  readonly #options: ManagerOptions;
  readonly #relay: Relay;
  readonly #election: Election | undefined;
  /** Current TLS material; replaced on renewal. */
  #tls: TlsMaterial;
  #server: TransportServer | undefined;
  #term: LeaderTerm | undefined;
  #metrics: MetricsServer | undefined;
  #keyCopy: SealingKeySync | undefined;

  constructor(options: ManagerOptions) {
    this.#options = options;
    this.ended = new Promise((_resolve, reject) => (this.#endWith = reject));
    this.ended.catch(() => undefined);
    this.#tls = options.tls;
    const { settings, openBackend: store, log, clock } = options;
    const lead = (candidacy: Candidacy, held: HeldLock): Promise<Term> =>
      this.#lead(candidacy, held);
    this.#election =
      typeof store === 'function'
        ? undefined
        : new Election({ lock: store.lock, log, lead: (held) => lead(store, held) });
    this.#relay = new Relay({
      clusterName: settings.clusterName,
      nodeId: settings.nodeId,
      clock,
      log,
      tls: () => this.#tls,
      verifyPeer: (certificate) => {
        this.#verifyManager(certificate);
      },
      leader: () => this.#election?.leader,
      isLeader: () => this.#term !== undefined,
      trouble: () => this.#election?.lastError,
    });
  }

  /** Rejects with `RemovedError` when this manager's node is removed. Never resolves. */
  readonly ended: Promise<never>;
  #endWith: (error: AppError) => void = () => undefined;

  /** Listening port; 0 before the start. */
  get port(): number {
    return this.#server?.port ?? 0;
  }

  /** True while this manager is the leader. */
  get leads(): boolean {
    return this.#term !== undefined;
  }

  /** Binds the port before it opens the store, so a second process fails without side effects. */
  async start(): Promise<void> {
    const { settings, openBackend: store, log, credentials } = this.#options;
    this.#server = await this.#listen();
    this.#copyKey();
    try {
      if (typeof store === 'function') {
        const directory = singleDirectory(settings);
        const term = await LeaderTerm.begin(this.#termOptions(directory), await store());
        this.#term = term;
        // A restored store may list other managers.
        term.dispatcher.setManagers(await directory.list());
      } else {
        await store.check();
        this.#election?.start();
      }
      if (settings.metricsListen !== undefined) {
        this.#metrics = await MetricsServer.listen(settings.metricsListen, () => this.#page());
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
    credentials?.start({
      lifetimeMs: () => this.#term?.store.view.get('cluster', 'cluster')?.certificateLifetimeMs,
      renewed: (tls) => {
        this.#tls = tls;
        this.#server?.renew(tls);
      },
    });
    log.info('manager is ready', {
      cluster: settings.clusterName,
      port: this.port,
      nodes: this.#term?.store.view.count('nodes'),
      services: this.#term?.store.view.count('services'),
    });
  }

  /** Stops the manager; containers and networks of the cluster stay as they are. */
  async stop(): Promise<void> {
    const { openBackend: store } = this.#options;
    const term = this.#term;
    this.#term = undefined;
    await this.#keyCopy?.stop();
    await this.#options.credentials?.stop();
    await this.#metrics?.close();
    this.#metrics = undefined;
    if (this.#election === undefined) await term?.stop();
    await this.#election?.stop();
    await this.#server?.close();
    this.#relay.close();
    if (typeof store !== 'function') store.close();
  }

  async #lead(candidacy: Candidacy, held: HeldLock): Promise<Term> {
    const { log, settings } = this.#options;
    const directory = sharedDirectory(candidacy, settings);
    const backend = await candidacy.openBackend(held);
    const { catalog } = candidacy;
    const term = await LeaderTerm.begin({ ...this.#termOptions(directory), catalog }, backend);
    const termEnded = new AbortController();
    // If the lock was lost while loading, the store is fenced off and the election closes the term.
    if (!held.lost.aborted) this.#term = term;
    const report = (members: readonly KnownManager[]): void => term.dispatcher.setManagers(members);
    void followMembers(candidacy, report, termEnded.signal);
    log.info('manager is the leader', {
      cluster: settings.clusterName,
      nodes: term.store.view.count('nodes'),
      services: term.store.view.count('services'),
    });
    const drop = (): void => {
      if (this.#term === term) this.#term = undefined;
    };
    held.lost.addEventListener('abort', drop, { once: true });
    return {
      ended: term.ended,
      stop: async () => {
        drop();
        termEnded.abort();
        await term.stop();
      },
    };
  }

  /** Ends the manager if its node was removed; other errors, e.g. without Consul, are ignored. */
  async #endIfRemoved(): Promise<void> {
    const { openBackend: store } = this.#options;
    if (typeof store === 'function') return;
    await store.check().catch((error: unknown) => {
      if (error instanceof NodeRemovedError) this.#endWith(error);
    });
  }

  /** Starts the sealing key copy; a single manager has no leader to copy from. */
  #copyKey(): void {
    const { keyPath: path, clock, log } = this.#options;
    if (path === undefined || this.#election === undefined) return;
    const onRefused = (): Promise<void> => this.#endIfRemoved();
    this.#keyCopy = new SealingKeySync({ path, relay: this.#relay, clock, log, onRefused });
    this.#keyCopy.start();
  }

  #termOptions(directory: ManagerDirectory): Parameters<typeof LeaderTerm.begin>[0] {
    const { settings, version, clock, log, newId, timing, probe } = this.#options;
    const { credentials, keyPath } = this.#options;
    return {
      ...{ settings, version, clock, log, newId, directory },
      // Delayed so that rejected peers first receive the reason.
      onRevocationChange: () => {
        clock.after(recheckMs, () => this.#server?.reauthenticatePeers());
        void this.#endIfRemoved();
      },
      ...(credentials === undefined ? {} : { credentials }),
      ...(keyPath === undefined ? {} : { keyPath }),
      ...(timing === undefined ? {} : { timing }),
      ...(probe === undefined ? {} : { probe }),
    };
  }

  /** Routes all paths outside our prefix to the Docker API gateway. */
  #webOptions(): RawHttpHandler<Peer> {
    return {
      matches: (path) => !path.startsWith(apiPaths.own) && path !== apiPaths.metrics,
      answer: (request) => this.#web(request),
      upgrade: (request) => this.#webUpgrade(request),
    };
  }

  #listen(): Promise<TransportServer> {
    const { settings, tls, log } = this.#options;
    return serve<Peer>({
      ...settings.listen,
      tls,
      log,
      authenticate: (certificate, behalf) => this.#identify(certificate, behalf),
      call: (request) => this.#call(request),
      stream: (request) => this.#stream(request),
      anonymous: {
        [apiPaths.authority]: () => Promise.resolve({ ca: tls.ca } satisfies AuthorityResponse),
        // Async, so that a synchronous throw becomes a rejection.
        [apiPaths.join]: async ({ body, remote }) => this.#join(body, remote),
      },
      health: {
        path: apiPaths.health,
        answer: () => ({
          ok: this.#term !== undefined || this.#election?.leader !== undefined,
          cluster: settings.clusterId,
          leads: this.#term !== undefined,
        }),
      },
      page: {
        path: apiPaths.metrics,
        contentType: metricsContentType,
        answer: (peer) => {
          if (peer.role === 'client') return this.#page();
          throw new AppError('forbidden', `metrics: not allowed for role ${peer.role}`);
        },
      },
      web: this.#webOptions(),
    });
  }

  /** Handles the join request of a machine without a certificate. */
  #join(body: unknown, remote: string): Promise<JoinResponse> {
    if (this.#term === undefined) {
      this.#requireElection();
      const leader = this.#election?.leader?.address;
      const hint = leader === undefined ? '' : `; connect to ${leader}`;
      throw notLeaderError(`this manager is not the leader${hint}`);
    }
    const { security } = this.#term;
    if (security === undefined) {
      throw new AppError('unsupported', 'ca: this manager has no intermediate CA');
    }
    return security.joinService.join(body, remote);
  }

  #sealingKeys({ role, nodeId, via, authority }: Peer): { readonly keys: string } {
    if (role !== 'manager' || via !== undefined) {
      throw new AppError('forbidden', `sealing keys: not allowed for role ${role}`);
    }
    if (this.#term === undefined) throw notLeaderError('this manager is not the leader');
    if (authority !== undefined) this.#term.security?.recordAuthority(nodeId, authority);
    return { keys: this.#term.sealingKeysFor(nodeId) };
  }

  async #call(request: CallRequest<Peer>): Promise<unknown> {
    if (request.path === apiPaths.sealingKeys) return this.#sealingKeys(request.identity);
    if (!request.path.startsWith(apiPaths.call)) {
      throw new AppError('not-found', `path ${request.path}: not found`);
    }
    return this.#serveClient(request.identity, {
      asLeader: ({ control }) => control.call(request),
      relayed: () => this.#relay.call(request),
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
      if (this.#term !== undefined) return ways.asLeader(this.#term);
      this.#requireElection();
      const relayed = await ways.relayed();
      if (relayed.kind === 'answer') return relayed.value;
    }
  }

  async #stream(request: StreamRequest<Peer>): Promise<void> {
    const { path } = request;
    const isSession = path === apiPaths.session;
    if (isSession || path.startsWith(apiPaths.workerStream)) {
      if (this.#term !== undefined) return this.#term.dispatcher.accept(request);
      this.#requireElection();
      if (isSession) return this.#relay.redirect(request);
      throw notLeaderError('this manager is not the leader');
    }
    if (!path.startsWith(apiPaths.stream))
      throw new AppError('not-found', `path ${path}: not found`);
    return this.#serveClient(request.identity, {
      asLeader: ({ control }) => control.stream(request),
      relayed: () => this.#relay.stream(request),
    });
  }

  #web(request: RawHttpRequest<Peer>): Promise<void> {
    return this.#serveClient(request.identity, {
      asLeader: ({ gateway }) => gateway.answer(request),
      relayed: () => this.#relay.web(request),
    });
  }

  #webUpgrade(request: RawHttpUpgrade<Peer>): Promise<void> {
    return this.#serveClient(request.identity, {
      asLeader: ({ gateway }) => gateway.upgrade(request),
      relayed: () => this.#relay.webUpgrade(request),
    });
  }

  #page(): string {
    if (this.#term === undefined) throw notLeaderError('this manager is not the leader');
    return metricsPage(this.#term.store, this.#term.statistics, this.#term.counters());
  }

  /** Throws `unavailable` for a single manager without a term: it is still starting. */
  #requireElection(): void {
    if (this.#election === undefined) throw new AppError('unavailable', 'manager: is starting');
  }

  /** Only the leader has the cluster record; followers serve no nodes. */
  #identify(certificate: PeerCertificateFields, behalf: string | undefined): Peer {
    if (this.#term === undefined) this.#requireElection();
    const record = this.#term?.store.view.get('cluster', 'cluster');
    return authorizePeer({ certificate, behalf }, this.#options.settings, record);
  }

  #verifyManager(certificate: PeerCertificateFields): void {
    const peer = peerIdentity(certificate);
    const { clusterId } = this.#options.settings;
    if (peer.role === 'manager' && peer.clusterId === clusterId) return;
    throw new AppError('forbidden', `${peer.nodeId}: not a manager of cluster ${clusterId}`);
  }
}

const recheckMs = 500;
