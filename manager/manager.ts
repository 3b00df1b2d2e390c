import { Allocator } from './allocator/allocator.js';
import type { Clock } from './base/clock.js';
import { AppError } from './base/errors.js';
import type { Logger } from './base/log.js';
import type { NewId } from './base/random.js';
import { ControlApi } from './control/control.js';
import type { ManagerCredentials } from './credentials.js';
import { admitPeer } from './credentials.js';
import type { CertificateDesk } from './dispatcher/certificates.js';
import { Dispatcher } from './dispatcher/dispatcher.js';
import type { StatusTiming } from './dispatcher/node-status.js';
import type { Probe } from './dispatcher/probe.js';
import { LogBroker } from './logs/broker.js';
import { Orchestrator } from './orchestrator/orchestrator.js';
import { paths } from './protocol/messages.js';
import type { Peer } from './protocol/peer.js';
import type { TransportServer } from './protocol/transport-server.js';
import { serve } from './protocol/transport-server.js';
import type { PeerCertificateNames, TlsMaterial } from './protocol/transport-tls.js';
import { Scheduler } from './scheduler/scheduler.js';
import type { ManagerSettings } from './settings.js';
import type { Backend } from './store/backend.js';
import { openStore } from './store/open-store.js';
import { StatsGatherer } from './stats/gather.js';
import { metricsContentType, metricsPage, MetricsServer } from './stats/metrics-page.js';
import type { RoomFigures } from './stats/room-metrics.js';
import { StoreMeter } from './stats/store-meter.js';
import type { ClusterRecord, ClusterStore } from './store/store.js';

export interface ManagerOptions {
  readonly settings: ManagerSettings;
  readonly tls: TlsMaterial;
  /** Where `tls` came from, to renew it and to sign for workers; without, nothing is signed. */
  readonly credentials?: ManagerCredentials;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: NewId;
  readonly openBackend: () => Promise<Backend>;
  /** For tests: how fast nodes are missed, and how a machine is asked whether it is there. */
  readonly timing?: StatusTiming;
  readonly probe?: Probe;
}

interface Rooms {
  readonly store: ClusterStore;
  readonly dispatcher: Dispatcher;
  readonly control: ControlApi;
  readonly statistics: StatsGatherer;
  /** For the metrics: what the rooms have done. */
  readonly figures: () => RoomFigures;
  /** Those that only look at the store and write to it. */
  readonly deciders: readonly { start(): void; stop(): Promise<void> }[];
}

/** Composes the rooms over one store and serves workers and clients on one port. */
export class Manager {
  readonly #options: ManagerOptions;
  #server: TransportServer | undefined;
  #rooms: Rooms | undefined;
  #metrics: MetricsServer | undefined;

  constructor(options: ManagerOptions) {
    this.#options = options;
  }

  /** Where it listens; 0 before it has started. */
  get port(): number {
    return this.#server?.port ?? 0;
  }

  /** Takes the port before it touches the store, so that of two managers one fails without harm. */
  async start(): Promise<void> {
    const { settings, log, credentials } = this.#options;
    this.#server = await this.#listen();
    try {
      this.#rooms = await this.#openRooms();
      if (settings.metricsListen !== undefined) {
        this.#metrics = await MetricsServer.listen(settings.metricsListen, () => this.#page());
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
    const { store } = this.#rooms;
    credentials?.start({
      lifetimeMs: () => store.view.get('cluster', 'cluster')?.certificateLifetimeMs,
      renewed: (tls) => this.#server?.renew(tls),
    });
    log.info('manager is ready', {
      cluster: settings.clusterName,
      port: this.port,
      nodes: store.view.count('nodes'),
      services: store.view.count('services'),
    });
  }

  /** Containers and networks of the cluster are left as they are. */
  async stop(): Promise<void> {
    const rooms = this.#rooms;
    this.#rooms = undefined;
    await this.#options.credentials?.stop();
    await this.#metrics?.close();
    this.#metrics = undefined;
    if (rooms !== undefined) {
      rooms.control.stop();
      rooms.statistics.stop();
      await Promise.all(rooms.deciders.map((room) => room.stop()));
      await rooms.dispatcher.stop();
    }
    await this.#server?.close();
    await rooms?.store.close();
  }

  #listen(): Promise<TransportServer> {
    const { settings, tls, log } = this.#options;
    return serve<Peer>({
      ...settings.listen,
      tls,
      log,
      identify: (certificate) => this.#identify(certificate),
      call: (request) => {
        const { control } = this.#ready();
        if (request.path.startsWith(paths.call)) return control.call(request);
        throw new AppError('not-found', `nothing at ${request.path}`);
      },
      stream: (request) => {
        const { control, dispatcher } = this.#ready();
        const { path } = request;
        if (path === paths.session || path.startsWith(paths.workerStream)) {
          return dispatcher.accept(request);
        }
        if (path.startsWith(paths.stream)) return control.stream(request);
        throw new AppError('not-found', `nothing at ${path}`);
      },
      health: {
        path: paths.health,
        answer: () => ({ ok: this.#rooms !== undefined, cluster: settings.clusterId }),
      },
      page: {
        path: paths.metrics,
        contentType: metricsContentType,
        answer: (peer) => {
          if (peer.role === 'client') return this.#page();
          throw new AppError('forbidden', `a ${peer.role} may not read the metrics`);
        },
      },
    });
  }

  #page(): string {
    const { store, statistics, figures } = this.#ready();
    return metricsPage(store, statistics, figures());
  }

  #ready(): Rooms {
    if (this.#rooms === undefined) throw new AppError('unavailable', 'manager is starting');
    return this.#rooms;
  }

  /** Clients are whoever the user's authority signed; nodes must be of this cluster and not removed. */
  #identify(certificate: PeerCertificateNames): Peer {
    const { store } = this.#ready();
    return admitPeer(certificate, this.#options.settings, store.view.get('cluster', 'cluster'));
  }

  async #openRooms(): Promise<Rooms> {
    const { settings, clock, log, newId, openBackend } = this.#options;
    const backend = await openBackend();
    const store = await openStore({ backend, clock, log });
    await recordCluster(store, settings);
    const dispatcher = new Dispatcher({
      store,
      clock,
      log,
      newId,
      clusterId: settings.clusterId,
      managerNodes: [settings.nodeId],
      managers: [settings.advertise],
      ...pick(this.#options),
      ...this.#desk(store),
    });
    const statistics = new StatsGatherer({ store, clock, log, workers: dispatcher });
    const control = this.#control({ store, dispatcher, statistics }, backend.name);
    const scheduler = new Scheduler({ store, clock, log, strategy: settings.strategy });
    const meter = new StoreMeter(store, () => backend.bytes?.());
    const figures = (): RoomFigures => ({ scheduler: scheduler.counts, store: meter.figures });
    const deciders = [
      new Orchestrator({ store, clock, log, newId }),
      new Allocator({ store, clock, log }),
      scheduler,
    ];
    await dispatcher.start();
    control.start();
    for (const room of deciders) room.start();
    return { store, dispatcher, control, statistics, figures, deciders };
  }

  /** Signing for workers, where this manager can. */
  #desk(store: ClusterStore): { readonly certificates?: CertificateDesk } {
    const { credentials, settings } = this.#options;
    if (credentials === undefined) return {};
    const record = (): ClusterRecord | undefined => store.view.get('cluster', 'cluster');
    return {
      certificates: {
        sign: ({ role, nodeId, alternativeNames = [] }, request) =>
          credentials.sign(
            {
              request,
              identity: { clusterId: settings.clusterId, role, nodeId },
              alternativeNames,
            },
            record()?.certificateLifetimeMs,
          ),
        refusedAuthorities: () => record()?.refusedAuthorities ?? [],
      },
    };
  }

  #control(
    { store, dispatcher, statistics }: Pick<Rooms, 'store' | 'dispatcher' | 'statistics'>,
    backend: string,
  ): ControlApi {
    const { settings, clock, log, newId, version } = this.#options;
    const broker = new LogBroker({ store, clock, log, workers: dispatcher });
    const { clusterId, clusterName, nodeId } = settings;
    return new ControlApi({
      store,
      clock,
      log,
      newId,
      workers: dispatcher,
      readLogs: (args, signal) => broker.read(args, signal),
      statistics,
      manager: { clusterId, clusterName, nodeId, version, leader: true, store: backend },
    });
  }
}

function pick(options: ManagerOptions): Pick<ManagerOptions, 'timing' | 'probe'> {
  const { timing, probe } = options;
  return {
    ...(timing === undefined ? {} : { timing }),
    ...(probe === undefined ? {} : { probe }),
  };
}

/** A store belongs to one cluster: another one's is refused. */
async function recordCluster(store: ClusterStore, settings: ManagerSettings): Promise<void> {
  const { clusterId, clusterName: name } = settings;
  const known = store.view.get('cluster', 'cluster');
  if (known !== undefined && known.clusterId !== clusterId) {
    throw new AppError(
      'conflict',
      `the store in ${settings.dataDir} is of cluster ${known.name} (${known.clusterId}), not of ${name} (${clusterId})`,
    );
  }
  if (known !== undefined) return;
  await store.update('control', (tx) => {
    tx.create('cluster', { id: 'cluster', clusterId, name, revoked: [] });
  });
}
