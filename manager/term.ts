import { Allocator } from './allocator/allocator.js';
import type { Clock } from './common/base/clock.js';
import { AppError } from './common/base/errors.js';
import type { Logger } from './common/base/log.js';
import type { NewId } from './common/base/random.js';
import { CatalogSync } from './catalog/catalog.js';
import type { ManagerDirectory } from './control/context.js';
import { ControlApi } from './control/control.js';
import type { ManagerCredentials } from './security/credentials.js';
import type { CertificateSigner } from './dispatcher/certificates.js';
import { Dispatcher } from './dispatcher/dispatcher.js';
import type { LivenessTiming } from './dispatcher/nodes/node-liveness.js';
import type { Probe } from './dispatcher/nodes/probe.js';
import { Gateway } from './gateway/gateway.js';
import { LogBroker } from './logs/broker.js';
import type { Catalog } from './store/catalog.js';
import { Orchestrator } from './orchestrator/orchestrator.js';
import { preview } from './preview/preview.js';
import { Scheduler } from './scheduler/scheduler.js';
import type { Security, SecurityDependencies } from './security/security.js';
import { openSecurity } from './security/security.js';
import type { ManagerSettings } from './common/settings/manager-settings.js';
import { StatsCollector } from './stats/collector.js';
import type { ComponentCounters } from './stats/component-metrics.js';
import { StoreMeter } from './stats/store-meter.js';
import type { StoreBackend } from './store/backend.js';
import type { Term } from './store/election.js';
import { KeyRing } from './store/key-ring.js';
import { openStore } from './store/open-store.js';
import { SealedBackend, sealRecord } from './store/sealing.js';
import type { ClusterRecord, ClusterStore } from './store/store.js';

interface OpenedStore {
  readonly backend: StoreBackend;
  readonly store: ClusterStore;
  readonly ring: KeyRing | undefined;
}

export interface LeaderTermOptions {
  readonly settings: ManagerSettings;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: NewId;
  readonly directory: ManagerDirectory;
  /** Catalog in which nodes and tasks are registered for other programs. */
  readonly catalog?: Catalog;
  /** Signs for workers; without it nothing is signed. */
  readonly credentials?: ManagerCredentials;
  /** See `ManagerOptions`. */
  readonly keyPath?: string;
  /** Called when the lists of clients and of revoked peers may have changed. */
  readonly onRevocationChange: (record: ClusterRecord) => void;
  readonly timing?: LivenessTiming;
  readonly probe?: Probe;
}

/** Components of a leading manager over one store, for one term. */
export class LeaderTerm implements Term {
  readonly store: ClusterStore;
  readonly dispatcher: Dispatcher;
  readonly control: ControlApi;
  readonly gateway: Gateway;
  readonly statistics: StatsCollector;
  /** Undefined on a manager without an intermediate CA. */
  readonly security: Security | undefined;
  readonly ended: Promise<unknown>;
  /** Counters of the components, for the metrics page. */
  readonly counters: () => ComponentCounters;
  /** Control loops that only read and write the store. */
  readonly #ring: KeyRing | undefined;
  readonly #deciders: readonly { start(): void; stop(): Promise<void> }[];

  private constructor(options: LeaderTermOptions, { backend, store, ring }: OpenedStore) {
    const { settings, clock, log, newId, version, directory, timing, probe } = options;
    const { clusterId, clusterName, nodeId } = settings;
    this.store = store;
    this.#ring = ring;
    this.ended = backend.lost ?? new Promise(() => undefined);
    this.dispatcher = new Dispatcher({
      store,
      clock,
      log,
      newId,
      clusterId,
      managers: [{ nodeId, address: settings.advertise }],
      ...(timing === undefined ? {} : { timing }),
      ...(probe === undefined ? {} : { probe }),
      ...certificateSigner(options, store),
    });
    const { workers } = this.dispatcher;
    this.security = securityOf(options, { store, ring, workers: this.dispatcher.certificates });
    this.#watchRevocations(options.onRevocationChange);
    this.statistics = new StatsCollector({ store, clock, log, workers });
    const broker = new LogBroker({ store, clock, log, workers });
    this.control = new ControlApi({
      store,
      clock,
      log,
      newId,
      workers,
      readLogs: (args, signal) => broker.read(args, signal),
      statistics: this.statistics,
      preview: (project, change) =>
        preview(
          { view: store.view, now: clock.now(), newId, log, strategy: settings.strategy },
          project,
          change,
        ),
      managers: directory,
      ...(this.security === undefined ? {} : { security: this.security }),
      ...(ring === undefined ? {} : { seal: (object) => sealRecord(ring, object) }),
      manager: { clusterId, clusterName, nodeId, version, leader: true, store: backend.name },
    });
    this.gateway = new Gateway({
      ...{ store, clock, log, newId, workers, statistics: this.statistics },
      events: this.control.events,
      control: this.control.invoke,
      note: (peer, action, about) => this.control.requests.acted(peer, action, about),
      audit: this.control.requests,
      cluster: { id: clusterId, name: clusterName, nodeId, version, strategy: settings.strategy },
    });
    const scheduler = new Scheduler({ store, clock, log, strategy: settings.strategy });
    const meter = new StoreMeter(store, () => backend.bytes?.());
    this.counters = () => ({ scheduler: scheduler.counts, store: meter.counters });
    this.#deciders = [
      new Orchestrator({ store, clock, log, newId }),
      new Allocator({ store, clock, log }),
      scheduler,
      ...catalogLoops(options, store),
    ];
  }

  /** Opens the store and starts all components. Closes the backend on failure. */
  static async begin(options: LeaderTermOptions, backend: StoreBackend): Promise<LeaderTerm> {
    let store: ClusterStore | undefined;
    try {
      const { clock, log, keyPath } = options;
      const ring = keyPath === undefined ? undefined : new KeyRing(keyPath);
      const sealed = ring === undefined ? backend : new SealedBackend(backend, ring);
      store = await openStore({ backend: sealed, clock, log });
      await recordCluster(store, options.settings);
      const term = new LeaderTerm(options, { backend, store, ring });
      await term.#start();
      return term;
    } catch (error) {
      await (store ?? backend).close();
      throw error;
    }
  }

  /** Exports the sealing keys for a follower. Throws `unsupported` if secrets are not sealed. */
  sealingKeysFor(nodeId: string): string {
    const ring = this.#ring;
    if (ring === undefined)
      throw new AppError('unsupported', 'sealing keys: secrets are not encrypted on this manager');
    return ring.exportTo(nodeId);
  }

  /** Stops all components; containers and networks of the cluster stay as they are. */
  async stop(): Promise<void> {
    this.control.stop();
    this.statistics.stop();
    await this.security?.stop();
    await Promise.all(this.#deciders.map((room) => room.stop()));
    await this.dispatcher.stop();
    await this.store.close();
  }

  #watchRevocations(changed: (record: ClusterRecord) => void): void {
    this.store.watch(({ changes }) => {
      const change = changes.find(({ table }) => table === 'cluster');
      if (change?.table !== 'cluster') return;
      if (change.before?.refusedAuthorities !== change.after?.refusedAuthorities) {
        this.dispatcher.certificates.announceRefusedAuthorities();
      }
      if (change.after !== undefined) changed(change.after);
    });
  }

  async #start(): Promise<void> {
    await this.dispatcher.start();
    this.control.start();
    this.security?.start();
    for (const room of this.#deciders) room.start();
  }
}

function securityOf(
  { credentials, ...options }: LeaderTermOptions,
  parts: Pick<SecurityDependencies, 'store' | 'ring' | 'workers'>,
): Security | undefined {
  return credentials === undefined
    ? undefined
    : openSecurity({ ...options, ...parts, credentials });
}

function catalogLoops(
  { catalog, settings, clock, log }: LeaderTermOptions,
  store: ClusterStore,
): readonly CatalogSync[] {
  if (catalog === undefined) return [];
  const cluster = { id: settings.clusterId, name: settings.clusterName };
  return [new CatalogSync({ store, clock, log, catalog, cluster })];
}

/** The dispatcher's certificate signer; empty if this manager cannot sign. */
function certificateSigner(
  { credentials, settings }: LeaderTermOptions,
  store: ClusterStore,
): { readonly certificates?: CertificateSigner } {
  if (credentials === undefined) return {};
  const record = (): ClusterRecord | undefined => store.view.get('cluster', 'cluster');
  return {
    certificates: {
      // Only workers renew through the dispatcher; a manager signs its own certificate.
      sign: ({ nodeId }, request) =>
        credentials.sign(
          {
            request,
            identity: { clusterId: settings.clusterId, role: 'worker', nodeId },
          },
          record()?.certificateLifetimeMs,
        ),
      refusedAuthorities: () => record()?.refusedAuthorities ?? [],
    },
  };
}

/** Creates the cluster record. Rejects with `conflict` if the store belongs to another cluster. */
async function recordCluster(store: ClusterStore, settings: ManagerSettings): Promise<void> {
  const { clusterId, clusterName: name } = settings;
  const known = store.view.get('cluster', 'cluster');
  if (known !== undefined && known.clusterId !== clusterId) {
    throw new AppError(
      'conflict',
      `store in ${settings.dataDir}: belongs to cluster ${known.name} (${known.clusterId}), not to ${name} (${clusterId})`,
    );
  }
  if (known !== undefined) return;
  await store.update('control', (tx) => {
    tx.create('cluster', { id: 'cluster', clusterId, name, revoked: [] });
  });
}
