import { AppError, messageOf, toAppError } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import type { NodeId } from '../common/model/ids.js';
import { decodeWorkerMessage } from '../common/protocol/decode.js';
import type { WorkerMessage } from '../common/protocol/messages.js';
import { apiPaths } from '../common/protocol/messages.js';
import type { Peer } from '../transport/peer.js';
import type { Connection } from '../common/protocol/transport-connection.js';
import type { StreamRequest } from '../transport/transport-server.js';
import { negotiateVersion } from './version.js';
import type {
  MessageStream,
  WorkerCallMap,
  WorkerCallName,
  WorkerCalls,
  WorkerStreamRequest,
} from '../common/protocol/worker-calls.js';
import type { ClusterStore, Commit } from '../store/store.js';
import { AssignmentTracker } from './assignment-tracker.js';
import { WorkerCertificates } from './certificates.js';
import { cleanUpRemovedNode, findRemovedNodes } from './removed-nodes.js';
import { unusedGatewayLeases, fencedLeases } from './unused-leases.js';
import { HeartbeatMonitor } from './heartbeat.js';
import type { Hello } from './hello.js';
import { admitNode, checkHello, claimVolumes, reuseIfUnchanged, updateNodeRoles } from './hello.js';
import type { KnownManager } from './manager-list.js';
import { ManagerList } from './manager-list.js';
import { defaultLivenessTiming } from './node-liveness.js';
import type { DispatcherOptions } from './options.js';
import { probeMachine } from './probe.js';
import { ReportBatch } from './report-batch.js';
import { ImageDistributor } from './image-distributor.js';
import { WorkerSession } from './session.js';
import { Throttle } from './throttle.js';
import { VolumeRemoval } from './volume-removal.js';
import { WorkerStreams } from './worker-streams.js';

const tickMs = 10;
const helloDeadlineMs = 5_000;
/** Grace for a node to remove unknown containers before its fenced leases are released, ms. */
const fencedMs = 30_000;
const sweepMs = 5_000;

/** WebSocket close codes of a worker's session; the close frame also carries a reason. */
export const sessionCloseCodes = {
  refused: 4403,
  replaced: 4409,
  silent: 4408,
  removed: 4410,
} as const;

/** The manager's end of every worker: sessions, heartbeats, assignments and task status reports. */
export class Dispatcher implements WorkerCalls {
  readonly certificates: WorkerCertificates;
  readonly #options: DispatcherOptions;
  readonly #store: ClusterStore;
  readonly #log: Logger;
  readonly #sessions = new Map<NodeId, WorkerSession>();
  readonly #tracker: AssignmentTracker;
  readonly #reports: ReportBatch;
  readonly #monitor: HeartbeatMonitor;
  readonly #streams: WorkerStreams;
  readonly #sender: Throttle;
  readonly #volumes: VolumeRemoval;
  readonly #images: ImageDistributor;
  /** Nodes that returned with containers of unknown tasks, by their time of return, ms. */
  readonly #cleaningSince = new Map<NodeId, number>();
  readonly #managers: ManagerList;
  #stopWatching: (() => void) | undefined;
  #cancelSweep: (() => void) | undefined;
  #stopped = false;

  constructor(options: DispatcherOptions) {
    const { store, clock, log, certificates } = options;
    this.certificates = new WorkerCertificates({
      signer: certificates,
      clock,
      log,
      sessions: () => this.#sessions.values(),
    });
    this.#options = options;
    this.#store = store;
    this.#log = log;
    this.#managers = new ManagerList(options.managers);
    this.#tracker = new AssignmentTracker(store.view, options.clusterId);
    this.#reports = new ReportBatch({ store, clock, log, tickMs });
    this.#streams = new WorkerStreams(options.newId);
    this.#sender = new Throttle(clock, tickMs, () => {
      this.#sendChanges();
    });
    this.#monitor = new HeartbeatMonitor({
      clock,
      timing: options.timing ?? defaultLivenessTiming,
      probe: options.probe ?? probeMachine,
      addressOf: (nodeId) => store.view.get('nodes', nodeId)?.description.address,
      onDown: (nodeId, message) => {
        this.#markDown(nodeId, message);
      },
    });
    this.#images = new ImageDistributor({
      view: store.view,
      calls: this,
      log,
      isConnected: (nodeId) => this.#sessions.has(nodeId),
    });
    this.#volumes = new VolumeRemoval({
      store,
      clock,
      log,
      calls: this,
      isConnected: (nodeId) => this.#sessions.has(nodeId),
    });
  }

  /** Sets every node to `unknown` until it reports, with twice the usual heartbeat deadline. */
  async start(): Promise<void> {
    await this.#store.update('dispatcher', (tx) => {
      for (const node of tx.list('nodes')) {
        const status = { state: 'unknown', since: tx.now, message: 'manager has started' } as const;
        tx.put('nodes', { ...node, status });
      }
      for (const nodeId of findRemovedNodes(tx)) cleanUpRemovedNode(tx, nodeId);
    });
    this.#stopWatching = this.#store.watch((commit) => {
      this.#onCommit(commit);
    });
    const timing = this.#options.timing ?? defaultLivenessTiming;
    for (const node of this.#store.view.list('nodes')) {
      this.#monitor.expect(node.id, timing.deadlineMs);
    }
    this.#volumes.start();
    this.#sweepLater();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopWatching?.();
    this.#cancelSweep?.();
    this.#monitor.stop();
    for (const session of this.#sessions.values()) {
      session.connection.close(1001, 'manager is stopping');
      session.end();
    }
    await this.#volumes.stop();
    await this.#sender.stop();
    await this.#reports.stop();
  }

  /** Replaces the list of managers: sends it to the workers and updates the roles of nodes. */
  setManagers(managers: readonly KnownManager[]): void {
    if (!this.#managers.replace(managers)) return;
    const { addresses, nodes } = this.#managers;
    for (const session of this.#sessions.values()) {
      session.post({ kind: 'managers', managers: addresses });
    }
    this.#write((tx) => {
      updateNodeRoles(tx, nodes);
    });
  }

  /** Nodes that have a session. */
  connectedNodes(): readonly NodeId[] {
    return [...this.#sessions.keys()];
  }

  /** Accepts a worker's WebSocket: a session or a requested stream. Throws `forbidden`. */
  async accept(request: StreamRequest<Peer>): Promise<void> {
    const { path, identity } = request;
    if (identity.role !== 'worker') {
      throw new AppError('forbidden', `${path} is for workers, not for role ${identity.role}`);
    }
    if (path.startsWith(apiPaths.workerStream)) {
      const streamId = path.slice(apiPaths.workerStream.length);
      const resolve = this.#streams.claim(streamId, identity.nodeId);
      resolve(await request.accept('stream'));
      return;
    }
    const connection = await request.accept('session');
    await this.#serve(connection, identity);
  }

  call<Name extends WorkerCallName>(
    nodeId: NodeId,
    name: Name,
    args: WorkerCallMap[Name]['args'],
    signal: AbortSignal,
  ): Promise<WorkerCallMap[Name]['result']> {
    return this.#withSession(nodeId, (session) => session.call(name, args, signal));
  }

  open(
    nodeId: NodeId,
    request: WorkerStreamRequest,
    signal: AbortSignal,
  ): Promise<{ readonly streamId: string; readonly stream: MessageStream }> {
    return this.#withSession(nodeId, (session) => this.#streams.open(session, request, signal));
  }

  #withSession<T>(nodeId: NodeId, use: (session: WorkerSession) => Promise<T>): Promise<T> {
    const session = this.#sessions.get(nodeId);
    if (session !== undefined) return use(session);
    const name = this.#store.view.get('nodes', nodeId)?.spec.name ?? nodeId;
    return Promise.reject(new AppError('unavailable', `node ${name} is not connected`));
  }

  async #serve(connection: Connection, peer: Peer): Promise<void> {
    const cancelDeadline = this.#options.clock.after(helloDeadlineMs, () => {
      connection.close(sessionCloseCodes.refused, 'no hello received in time');
    });
    // Iterated by hand: leaving a `for await` would close the connection before the reason is sent.
    const messages = connection[Symbol.asyncIterator]();
    let session: WorkerSession | undefined;
    try {
      for (let next = await messages.next(); next.done !== true; next = await messages.next()) {
        const message = decodeWorkerMessage(String(next.value));
        if (session !== undefined) {
          this.#handle(session, message);
          continue;
        }
        cancelDeadline();
        if (message.kind !== 'hello') throw new AppError('invalid', 'hello must come first');
        checkHello(message, peer, this.#options.clusterId);
        session = await this.#begin(connection, message, peer);
      }
    } catch (error) {
      this.#dropBroken(connection, peer, error);
    } finally {
      cancelDeadline();
      if (session !== undefined) this.#end(session);
    }
  }

  #dropBroken(connection: Connection, peer: Peer, error: unknown): void {
    if (this.#stopped) return;
    const failure = toAppError(error);
    this.#log.warn(`session of node ${peer.nodeId} ended: ${failure.message}`, {
      from: connection.remote,
    });
    connection.close(sessionCloseCodes.refused, failure.message);
  }

  async #begin(connection: Connection, hello: Hello, peer: Peer): Promise<WorkerSession> {
    const { clock, heartbeatMs = 1_000 } = this.#options;
    const version = negotiateVersion(hello.version);
    const nodeId = hello.nodeId as NodeId;
    const role = this.#managers.nodes.includes(nodeId) ? 'manager' : 'worker';
    const { hasUnknownTasks } = await this.#store.update('dispatcher', (tx) =>
      admitNode(tx, hello, role),
    );
    const previous = this.#sessions.get(nodeId);
    if (previous !== undefined) {
      previous.connection.close(sessionCloseCodes.replaced, 'replaced by a newer connection');
      previous.end();
    }
    if (hasUnknownTasks) this.#cleaningSince.set(nodeId, clock.elapsed());
    const session = new WorkerSession(connection, hello, clock.elapsed(), peer);
    this.#sessions.set(nodeId, session);
    this.#monitor.connected(nodeId);
    const refusedAuthorities = this.certificates.refusedAuthorities();
    const managers = this.#managers.addresses;
    session.post({ kind: 'welcome', version, heartbeatMs, managers, refusedAuthorities });
    session.post({ kind: 'assignments', set: this.#tracker.open(nodeId) });
    this.#log.info(`node ${hello.name} is ready`, { nodeId, from: connection.remote });
    return session;
  }

  #end(session: WorkerSession): void {
    session.end();
    if (this.#sessions.get(session.nodeId) !== session) return;
    this.#sessions.delete(session.nodeId);
    this.#cleaningSince.delete(session.nodeId);
    this.#tracker.close(session.nodeId);
    if (!this.#stopped) this.#monitor.disconnected(session.nodeId);
  }

  #handle(session: WorkerSession, message: WorkerMessage): void {
    const { nodeId } = session;
    this.#monitor.recordMessage(nodeId);
    switch (message.kind) {
      case 'hello':
        throw new AppError('invalid', 'unexpected second hello');
      case 'heartbeat':
        return;
      case 'status':
        this.#reports.add(nodeId, message.reports);
        return;
      case 'networks':
        session.networks = message.networks;
        this.#freeGateways(session);
        return;
      case 'description':
        this.#write((tx) => {
          const node = tx.get('nodes', nodeId);
          if (node === undefined) return;
          const description = reuseIfUnchanged(node.description, message.description);
          if (description !== node.description) tx.put('nodes', { ...node, description });
        });
        return;
      case 'want-image':
        void this.#images.handleRequest(session, message);
        return;
      case 'renew':
        void this.certificates.handleRenewal(session, message);
        return;
      case 'result':
      case 'failure':
        session.settleCall(message);
    }
  }

  #freeGateways(session: WorkerSession): void {
    const { nodeId } = session;
    if (unusedGatewayLeases(this.#store.view, nodeId, session.networks).length === 0) return;
    this.#write((tx) => {
      for (const id of unusedGatewayLeases(tx, nodeId, session.networks)) tx.remove('leases', id);
    });
  }

  /** Writes without waiting; a lost write is repeated by the next sweep or session. */
  #write(change: Parameters<ClusterStore['update']>[1]): void {
    this.#store.update('dispatcher', change).catch((error: unknown) => {
      this.#log.error(`dispatcher: cannot write to the store: ${messageOf(error)}`);
    });
  }

  #markDown(nodeId: NodeId, message: string): void {
    const session = this.#sessions.get(nodeId);
    if (session !== undefined) {
      session.connection.close(sessionCloseCodes.silent, 'missed its heartbeats');
      this.#end(session);
    }
    this.#log.warn(`node is down: ${message}`, { nodeId });
    this.#write((tx) => {
      const node = tx.get('nodes', nodeId);
      if (node === undefined) return;
      tx.put('nodes', { ...node, status: { state: 'down', since: tx.now, message } });
    });
  }

  #onCommit(commit: Commit): void {
    this.#tracker.applyCommit(commit);
    for (const change of commit.changes) {
      if (change.table === 'nodes' && change.after === undefined) {
        this.#nodeRemoved(change.id as NodeId);
      } else if (change.table === 'volumes' && change.before === undefined) {
        this.#claimVolume(change.after?.spec.name ?? '');
      }
    }
    if (this.#tracker.dirtyNodes().length > 0) this.#sender.poke();
  }

  /** Binds a new volume record to connected nodes that already hold data under its name. */
  #claimVolume(name: string): void {
    const holders = [...this.#sessions.values()].filter(({ volumes }) => volumes.includes(name));
    if (holders.length === 0) return;
    this.#write((tx) => {
      for (const { nodeId } of holders) claimVolumes(tx, nodeId, [name]);
    });
  }

  #nodeRemoved(nodeId: NodeId): void {
    this.#monitor.forget(nodeId);
    this.certificates.forget(nodeId);
    this.#sessions
      .get(nodeId)
      ?.connection.close(sessionCloseCodes.removed, 'node was removed from the cluster');
    this.#write((tx) => {
      cleanUpRemovedNode(tx, nodeId);
    });
  }

  #sendChanges(): void {
    for (const nodeId of this.#tracker.dirtyNodes()) {
      const change = this.#tracker.take(nodeId);
      if (change !== undefined) this.#sessions.get(nodeId)?.post({ kind: 'change', change });
    }
  }

  #sweepLater(): void {
    this.#cancelSweep = this.#options.clock.after(sweepMs, () => {
      this.#sweep();
      this.#sweepLater();
    });
  }

  /** Releases leases that no event releases: gateways of networks never created, expired fences. */
  #sweep(): void {
    const now = this.#options.clock.elapsed();
    for (const session of this.#sessions.values()) {
      if (now - session.startedAt > fencedMs) this.#freeGateways(session);
    }
    for (const [nodeId, since] of this.#cleaningSince) {
      if (now - since < fencedMs) continue;
      this.#cleaningSince.delete(nodeId);
      this.#write((tx) => {
        for (const id of fencedLeases(tx, nodeId)) tx.remove('leases', id);
      });
    }
  }
}
