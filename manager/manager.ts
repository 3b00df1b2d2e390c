import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from './common/base/clock.js';
import { AppError, RemovedError } from './common/base/errors.js';
import type { Logger } from './common/base/log.js';
import type { NewId } from './common/base/random.js';
import { peerIdentity } from './common/pki/pki.js';
import type { Candidacy } from './candidacy/candidacy.js';
import type { ManagerCredentials } from './security/credentials.js';
import { admitPeer } from './security/credentials.js';
import type { ManagerDirectory } from './control/context.js';
import type { StatusTiming } from './dispatcher/node-status.js';
import type { Probe } from './dispatcher/probe.js';
import { notLeading, paths } from './common/protocol/messages.js';
import type { Peer } from './transport/peer.js';
import type { AuthorityAnswer, JoinAnswer } from './common/protocol/security.js';
import type { CallRequest, StreamRequest, TransportServer } from './transport/transport-server.js';
import { serve } from './transport/transport-server.js';
import type { PeerCertificateNames, TlsMaterial } from './common/protocol/transport-tls.js';
import type { WebOptions, WebRequest, WebUpgrade } from './transport/transport-web.js';
import { KeyCopy } from './relay/key-copy.js';
import { Relay } from './relay/relay.js';
import type { ManagerSettings } from './settings.js';
import type { Backend } from './store/backend.js';
import type { HeldLock, Term } from './store/election.js';
import { Election } from './store/election.js';
import { metricsContentType, metricsPage, MetricsServer } from './stats/metrics-page.js';
import { LeaderTerm } from './term.js';

export interface ManagerOptions {
  readonly settings: ManagerSettings;
  readonly tls: TlsMaterial;
  /** Where `tls` came from, to renew it and to sign for workers; without, nothing is signed. */
  readonly credentials?: ManagerCredentials;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: NewId;
  /** The store of a manager that is alone, or how this one takes turns with others. */
  readonly openBackend: (() => Promise<Backend>) | Candidacy;
  /** The file of the key that seals secrets in the backend; without, they are stored as they are. */
  readonly keyPath?: string;
  /** For tests: how fast nodes are missed, and how a machine is asked whether it is there. */
  readonly timing?: StatusTiming;
  readonly probe?: Probe;
}

/** Serves workers and clients on one port: by itself while it leads, through the leader otherwise. */
export class Manager {
  readonly #options: ManagerOptions;
  readonly #relay: Relay;
  readonly #election: Election | undefined;
  /** Renewed while it runs. */
  #tls: TlsMaterial;
  #server: TransportServer | undefined;
  #term: LeaderTerm | undefined;
  #metrics: MetricsServer | undefined;
  #keyCopy: KeyCopy | undefined;

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
      leads: () => this.#term !== undefined,
      trouble: () => this.#election?.trouble,
    });
  }

  /** Rejects with `RemovedError` when its node was removed from the cluster. Resolves never. */
  readonly ended: Promise<never>;
  #endWith: (error: AppError) => void = () => undefined;

  /** Where it listens; 0 before it has started. */
  get port(): number {
    return this.#server?.port ?? 0;
  }

  /** Whether it serves by itself. */
  get leads(): boolean {
    return this.#term !== undefined;
  }

  /** Takes the port before it touches the store, so that of two managers one fails without harm. */
  async start(): Promise<void> {
    const { settings, openBackend: store, log, credentials } = this.#options;
    this.#server = await this.#listen();
    this.#copyKey();
    try {
      if (typeof store === 'function') {
        const directory = alone(settings);
        const term = await LeaderTerm.begin(this.#termOptions(directory), await store());
        this.#term = term;
        // A store that was restored may know others.
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

  /** Containers and networks of the cluster are left as they are. */
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
    const directory = shared(candidacy, settings);
    const backend = await candidacy.openBackend(held);
    const { catalog } = candidacy;
    const term = await LeaderTerm.begin({ ...this.#termOptions(directory), catalog }, backend);
    const over = new AbortController();
    // Lost while the store was loaded: what was opened is fenced off, and closed again by the election.
    if (!held.lost.aborted) this.#term = term;
    void this.#followMembers(candidacy, term, over.signal);
    log.info('manager leads', {
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
        over.abort();
        await term.stop();
      },
    };
  }

  /** Workers are told of every manager, so that they find the next leader. */
  async #followMembers(candidacy: Candidacy, term: LeaderTerm, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // While Consul is away, what is known stays. A term that has ended meanwhile no longer cares.
      const members = await candidacy.members.list().catch(() => []);
      if (members.length > 0) term.dispatcher.setManagers(members);
      await delay(membersMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** What is removed while it runs goes; what ends it else, like a Consul that is away, waits. */
  async #endIfRemoved(): Promise<void> {
    const { openBackend: store } = this.#options;
    if (typeof store === 'function') return;
    await store.check().catch((error: unknown) => {
      if (error instanceof RemovedError) this.#endWith(error);
    });
  }

  /** A manager that is alone has nobody to copy from. */
  #copyKey(): void {
    const { keyPath: path, clock, log } = this.#options;
    if (path === undefined || this.#election === undefined) return;
    const onRefused = (): Promise<void> => this.#endIfRemoved();
    this.#keyCopy = new KeyCopy({ path, relay: this.#relay, clock, log, onRefused });
    this.#keyCopy.start();
  }

  #termOptions(directory: ManagerDirectory): Parameters<typeof LeaderTerm.begin>[0] {
    const { settings, version, clock, log, newId, timing, probe } = this.#options;
    const { credentials, keyPath } = this.#options;
    return {
      ...{ settings, version, clock, log, newId, directory },
      // Those who are refused are first told why.
      refusedChanged: () => {
        clock.after(recheckMs, () => this.#server?.recheck());
        void this.#endIfRemoved();
      },
      ...(credentials === undefined ? {} : { credentials }),
      ...(keyPath === undefined ? {} : { keyPath }),
      ...(timing === undefined ? {} : { timing }),
      ...(probe === undefined ? {} : { probe }),
    };
  }

  /** What is not ours is the Engine API's. */
  #webOptions(): WebOptions<Peer> {
    return {
      serves: (path) => !path.startsWith(paths.own) && path !== paths.metrics,
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
      identify: (certificate, behalf) => this.#identify(certificate, behalf),
      call: (request) => this.#call(request),
      stream: (request) => this.#stream(request),
      open: {
        [paths.authority]: () => Promise.resolve({ ca: tls.ca } satisfies AuthorityAnswer),
        // Inside a promise, so that what is thrown is an answer as well.
        [paths.join]: async ({ body, remote }) => this.#join(body, remote),
      },
      health: {
        path: paths.health,
        answer: () => ({
          ok: this.#term !== undefined || this.#election?.leader !== undefined,
          cluster: settings.clusterId,
          leads: this.#term !== undefined,
        }),
      },
      page: {
        path: paths.metrics,
        contentType: metricsContentType,
        answer: (peer) => {
          if (peer.role === 'client') return this.#page();
          throw new AppError('forbidden', `a ${peer.role} may not read the metrics`);
        },
      },
      web: this.#webOptions(),
    });
  }

  /** A machine that has no certificate yet. */
  #join(body: unknown, remote: string): Promise<JoinAnswer> {
    if (this.#term === undefined) {
      this.#requireElection();
      const leader = this.#election?.leader?.address;
      const hint = leader === undefined ? '' : `: ask ${leader}`;
      throw notLeading(`this manager does not lead${hint}`);
    }
    const { security } = this.#term;
    if (security === undefined) {
      throw new AppError('unsupported', 'this manager holds no authority of the cluster');
    }
    return security.desk.join(body, remote);
  }

  #sealingKeys({ role, nodeId, via, authority }: Peer): { readonly keys: string } {
    if (role !== 'manager' || via !== undefined) {
      throw new AppError('forbidden', `a ${role} may not have the keys of the store`);
    }
    if (this.#term === undefined) throw notLeading('this manager does not lead');
    if (authority !== undefined) this.#term.security?.heardOf(nodeId, authority);
    return { keys: this.#term.sealingKeysFor(nodeId) };
  }

  async #call(request: CallRequest<Peer>): Promise<unknown> {
    if (request.path === paths.sealingKeys) return this.#sealingKeys(request.identity);
    if (!request.path.startsWith(paths.call)) {
      throw new AppError('not-found', `nothing at ${request.path}`);
    }
    requireClient(request.identity);
    for (;;) {
      if (this.#term !== undefined) return this.#term.control.call(request);
      this.#requireElection();
      const relayed = await this.#relay.call(request);
      if (relayed.kind === 'answer') return relayed.value;
    }
  }

  async #stream(request: StreamRequest<Peer>): Promise<void> {
    const { path } = request;
    const isSession = path === paths.session;
    if (isSession || path.startsWith(paths.workerStream)) {
      if (this.#term !== undefined) return this.#term.dispatcher.accept(request);
      this.#requireElection();
      if (isSession) return this.#relay.redirect(request);
      throw notLeading('this manager does not lead');
    }
    if (!path.startsWith(paths.stream)) throw new AppError('not-found', `nothing at ${path}`);
    requireClient(request.identity);
    for (;;) {
      if (this.#term !== undefined) return this.#term.control.stream(request);
      this.#requireElection();
      const relayed = await this.#relay.stream(request);
      if (relayed.kind === 'answer') return;
    }
  }

  async #web(request: WebRequest<Peer>): Promise<void> {
    requireClient(request.identity);
    for (;;) {
      if (this.#term !== undefined) return this.#term.gateway.answer(request);
      this.#requireElection();
      const relayed = await this.#relay.web(request);
      if (relayed.kind === 'answer') return;
    }
  }

  async #webUpgrade(request: WebUpgrade<Peer>): Promise<void> {
    requireClient(request.identity);
    for (;;) {
      if (this.#term !== undefined) return this.#term.gateway.upgrade(request);
      this.#requireElection();
      const relayed = await this.#relay.webUpgrade(request);
      if (relayed.kind === 'answer') return;
    }
  }

  #page(): string {
    if (this.#term === undefined) throw notLeading('this manager does not lead');
    return metricsPage(this.#term.store, this.#term.statistics, this.#term.figures());
  }

  /** A manager that is alone and has no rooms yet has just been started. */
  #requireElection(): void {
    if (this.#election === undefined) throw new AppError('unavailable', 'manager is starting');
  }

  /** Only the leader knows the cluster's record; nobody else serves a node. */
  #identify(certificate: PeerCertificateNames, behalf: string | undefined): Peer {
    if (this.#term === undefined) this.#requireElection();
    const record = this.#term?.store.view.get('cluster', 'cluster');
    return admitPeer({ certificate, behalf }, this.#options.settings, record);
  }

  #verifyManager(certificate: PeerCertificateNames): void {
    const peer = peerIdentity(certificate);
    const { clusterId } = this.#options.settings;
    if (peer.role === 'manager' && peer.clusterId === clusterId) return;
    throw new AppError('forbidden', `${peer.nodeId} is no manager of cluster ${clusterId}`);
  }
}

const membersMs = 1_000;
const recheckMs = 500;

function requireClient(identity: Peer): void {
  if (identity.role === 'client') return;
  throw new AppError('forbidden', `a ${identity.role} may not use the client's calls`);
}

function alone({ nodeId, advertise }: ManagerSettings): ManagerDirectory {
  return {
    list: () => Promise.resolve([{ nodeId, address: advertise, alive: true, leader: true }]),
    forget: () => {
      throw new AppError('conflict', 'the only manager of a cluster cannot be removed');
    },
  };
}

function shared({ members }: Candidacy, { nodeId }: ManagerSettings): ManagerDirectory {
  return {
    list: async () =>
      (await members.list()).map((member) => ({ ...member, leader: member.nodeId === nodeId })),
    forget: (id) => members.forget(id),
  };
}
