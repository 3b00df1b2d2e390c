import type { Clock } from './common/base/clock.js';
import { AppError, NodeRemovedError } from './common/base/errors.js';
import type { Logger } from './common/base/log.js';
import type { NewId } from './common/base/random.js';
import { peerIdentity } from './common/pki/pki.js';
import type { Candidacy } from './candidacy/candidacy.js';
import type { ManagerCredentials } from './security/credentials.js';
import type { ManagerDirectory } from './control/context.js';
import { followMembers, sharedDirectory, singleDirectory } from './directory.js';
import type { KnownManager } from './dispatcher/manager-list.js';
import type { LivenessTiming } from './dispatcher/nodes/node-liveness.js';
import type { Probe } from './dispatcher/nodes/probe.js';
import type { Peer } from './transport/peer.js';
import type { LocalSocket } from './transport/local-socket.js';
import { serveLocalSocket } from './transport/local-socket.js';
import type { TransportServer } from './transport/transport-server.js';
import { serve } from './transport/transport-server.js';
import type { PeerCertificateFields, TlsMaterial } from './common/protocol/transport-tls.js';
import { SealingKeySync } from './relay/sealing-key-sync.js';
import { Relay } from './relay/relay.js';
import type { ManagerSettings } from './common/settings/manager-settings.js';
import type { StoreBackend } from './store/backend.js';
import type { HeldLock, Term } from './store/election.js';
import { Election } from './store/election.js';
import { MetricsServer } from './stats/metrics-page.js';
import { leaderMetrics, ManagerRequests } from './manager-requests.js';
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
  readonly #requests: ManagerRequests;
  /** Current TLS material; replaced on renewal. */
  #tls: TlsMaterial;
  #server: TransportServer | undefined;
  #term: LeaderTerm | undefined;
  #metrics: MetricsServer | undefined;
  #socket: LocalSocket | undefined;
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
    this.#requests = new ManagerRequests({
      ...{ settings, clock, log, relay: this.#relay, election: this.#election },
      authorityCertificate: options.tls.ca,
      term: () => this.#term,
    });
  }

  /** Rejects with `NodeRemovedError` when this manager's node is removed. Never resolves. */
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
        this.#metrics = await MetricsServer.listen(settings.metricsListen, () =>
          leaderMetrics(this.#term),
        );
      }
      this.#socket = await this.#listenLocally();
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
    await this.#socket?.close();
    this.#socket = undefined;
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
      onRevocationChange: (record) => {
        this.#requests.recheckClients(record);
        clock.after(recheckMs, () => this.#server?.reauthenticatePeers());
        void this.#endIfRemoved();
      },
      ...(credentials === undefined ? {} : { credentials }),
      ...(keyPath === undefined ? {} : { keyPath }),
      ...(timing === undefined ? {} : { timing }),
      ...(probe === undefined ? {} : { probe }),
    };
  }

  #listen(): Promise<TransportServer> {
    const { settings, tls, log } = this.#options;
    return serve<Peer>({ ...settings.listen, tls, log, ...this.#requests.handlers() });
  }

  /** Serves this machine's users; root and the socket's group own the cluster. */
  async #listenLocally(): Promise<LocalSocket | undefined> {
    const { settings, log } = this.#options;
    const { dockerSocket: path, clusterId, nodeId } = settings;
    if (path === undefined) return undefined;
    const identity: Peer = { clusterId, role: 'client', nodeId: `local socket of ${nodeId}` };
    return serveLocalSocket({ path, log, identity, web: this.#requests.webHandler() });
  }

  #verifyManager(certificate: PeerCertificateFields): void {
    const peer = peerIdentity(certificate);
    const { clusterId } = this.#options.settings;
    if (peer.role === 'manager' && peer.clusterId === clusterId) return;
    throw new AppError('forbidden', `${peer.nodeId}: not a manager of cluster ${clusterId}`);
  }
}

const recheckMs = 500;
