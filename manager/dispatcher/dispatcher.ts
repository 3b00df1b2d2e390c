import { AppError, toAppError } from '../common/base/errors.js';
import type { NodeId } from '../common/model/ids.js';
import type { StuckRemoval } from '../common/model/network-view.js';
import type { WorkerMessage } from '../common/protocol/messages.js';
import { apiPaths } from '../common/protocol/messages.js';
import type { Connection } from '../common/protocol/transport-connection.js';
import type { WorkerCalls } from '../common/protocol/worker-calls.js';
import type { Commit } from '../store/store.js';
import type { Peer } from '../transport/peer.js';
import type { StreamRequest } from '../transport/request-router.js';
import { AssignmentSender } from './assignments/assignment-sender.js';
import { backgroundWrite } from './background-write.js';
import { WorkerCertificates } from './certificates.js';
import { EngineSilence } from './nodes/engine-silence.js';
import { HeartbeatMonitor } from './nodes/heartbeat.js';
import type { Hello } from './sessions/hello.js';
import { ImageDistributor } from './image-distributor.js';
import { LeaseRelease } from './lease-release.js';
import type { KnownManager } from './manager-list.js';
import { ManagerList } from './manager-list.js';
import { MessageLimits } from './sessions/message-limits.js';
import { defaultLivenessTiming } from './nodes/node-liveness.js';
import { NodeRecords } from './nodes/node-records.js';
import type { DispatcherOptions } from './options.js';
import { probeMachine } from './nodes/probe.js';
import { Quarantine } from './sessions/quarantine.js';
import { ReportBatch } from './report-batch.js';
import { SessionServer } from './sessions/session-server.js';
import { sessionCloseCodes, WorkerSession } from './sessions/session.js';
import { Sessions } from './sessions/sessions.js';
import { negotiateVersion } from './sessions/version.js';
import { VolumeRemoval } from './volume-removal.js';

const tickMs = 10;

/** The manager's end of every worker: composes sessions, liveness, assignments and reports. */
export class Dispatcher {
  readonly certificates: WorkerCertificates;
  /** Calls and streams to the connected workers. */
  readonly workers: WorkerCalls;
  readonly #options: DispatcherOptions;
  readonly #sessions: Sessions;
  readonly #server: SessionServer;
  readonly #nodes: NodeRecords;
  readonly #assignments: AssignmentSender;
  readonly #reports: ReportBatch;
  readonly #monitor: HeartbeatMonitor;
  readonly #engines: EngineSilence;
  readonly #leases: LeaseRelease;
  readonly #volumes: VolumeRemoval;
  readonly #images: ImageDistributor;
  readonly #managers: ManagerList;
  readonly #limits: MessageLimits;
  readonly #quarantine: Quarantine;
  #stopWatching: (() => void) | undefined;

  constructor(options: DispatcherOptions) {
    const { store, clock, log, clusterId } = options;
    const { view } = store;
    const write = backgroundWrite(store, log);
    const workers = new Sessions(view, options.newId, clock);
    const sessions = (): Iterable<WorkerSession> => workers.all();
    const isConnected = (nodeId: NodeId): boolean => workers.isConnected(nodeId);
    this.#options = options;
    this.#sessions = workers;
    this.certificates = new WorkerCertificates({
      signer: options.certificates,
      clock,
      log,
      sessions,
    });
    this.#server = this.#sessionServer();
    this.#managers = new ManagerList(options.managers);
    this.#limits = new MessageLimits(clock);
    this.#quarantine = new Quarantine(clock);
    this.#nodes = new NodeRecords(store, write);
    this.#assignments = new AssignmentSender({
      view,
      clock,
      clusterId,
      tickMs,
      session: (nodeId) => workers.get(nodeId),
    });
    this.#reports = new ReportBatch({ store, clock, log, tickMs });
    this.#leases = new LeaseRelease({ view, clock, write, sessions });
    this.#monitor = this.#heartbeatMonitor();
    this.#engines = this.#engineSilence();
    this.#images = new ImageDistributor({ view, clock, calls: workers, log, write, isConnected });
    this.workers = {
      call: (nodeId, name, args, signal) => workers.call(nodeId, name, args, signal),
      open: (nodeId, request, signal) => {
        if (request.kind === 'fetch-image') this.#images.expectFetch(nodeId, request.image);
        return workers.open(nodeId, request, signal);
      },
    };
    this.#volumes = new VolumeRemoval({ store, clock, log, calls: workers, isConnected });
  }

  #sessionServer(): SessionServer {
    const { clock, log, clusterId } = this.#options;
    return new SessionServer({
      clock,
      log,
      clusterId,
      begin: (connection, hello, peer) => this.#begin(connection, hello, peer),
      handle: (session, message) => {
        this.#handle(session, message);
      },
      end: (session) => {
        this.#end(session);
      },
      malformed: (nodeId, problem) => {
        this.#refuse(nodeId as NodeId, problem);
      },
    });
  }

  #heartbeatMonitor(): HeartbeatMonitor {
    const { store, clock, timing, probe } = this.#options;
    return new HeartbeatMonitor({
      clock,
      timing: timing ?? defaultLivenessTiming,
      probe: probe ?? probeMachine,
      addressOf: (nodeId) => store.view.get('nodes', nodeId)?.description.address,
      onDown: (nodeId, message) => {
        this.#markDown(nodeId, message);
      },
    });
  }

  #engineSilence(): EngineSilence {
    const { clock, timing = defaultLivenessTiming } = this.#options;
    return new EngineSilence({
      clock,
      graceMs: timing.engineGraceMs,
      onChange: ({ nodeId, nodeName, engine }) => {
        const text = engine === 'silent' ? 'does not answer' : 'answers again';
        this.#options.log.warn(`node ${nodeName}: Docker engine ${text}`, { nodeId });
        this.#nodes.setEngine(nodeId, engine);
      },
      onExpired: (session, message) => {
        this.#fence(session, message);
      },
    });
  }

  /** Sets every node to `unknown` until it reports, with twice the usual heartbeat deadline. */
  async start(): Promise<void> {
    const { store, timing = defaultLivenessTiming } = this.#options;
    await this.#nodes.resetAll();
    this.#stopWatching = store.watch((commit) => {
      this.#onCommit(commit);
    });
    for (const node of store.view.list('nodes')) this.#monitor.expect(node.id, timing.deadlineMs);
    this.#volumes.start();
    this.#leases.start();
  }

  async stop(): Promise<void> {
    this.#server.stop();
    this.#stopWatching?.();
    this.#leases.stop();
    this.#monitor.stop();
    this.#engines.stop();
    this.#sessions.closeAll(1001, 'manager is stopping');
    await this.#volumes.stop();
    await this.#assignments.stop();
    await this.#reports.stop();
  }

  /** Replaces the list of managers: sends it to the workers and updates the roles of nodes. */
  setManagers(managers: readonly KnownManager[]): void {
    if (!this.#managers.replace(managers)) return;
    const { addresses, nodes } = this.#managers;
    this.#sessions.postAll({ kind: 'managers', managers: addresses });
    this.#nodes.updateRoles(nodes);
  }

  /** Accepts a worker's WebSocket: a session or a requested stream. Throws `forbidden`. */
  async accept(request: StreamRequest<Peer>): Promise<void> {
    const { path, identity } = request;
    if (identity.role !== 'worker') {
      throw new AppError('forbidden', `${path} is for workers, not for role ${identity.role}`);
    }
    if (path.startsWith(apiPaths.workerStream)) {
      const streamId = path.slice(apiPaths.workerStream.length);
      const resolve = this.#sessions.claimStream(streamId, identity.nodeId);
      resolve(await request.accept('stream'));
      return;
    }
    await this.#server.serve(await request.accept('session'), identity);
  }

  async #begin(connection: Connection, hello: Hello, peer: Peer): Promise<WorkerSession> {
    const { clock, log, heartbeatMs = 1_000 } = this.#options;
    const version = negotiateVersion(hello.version);
    const nodeId = hello.nodeId as NodeId;
    this.#quarantine.check(nodeId, hello.name);
    const role = this.#managers.nodes.includes(nodeId) ? 'manager' : 'worker';
    const { hasUnknownTasks } = await this.#nodes.admit(hello, role);
    this.#sessions.closePrevious(nodeId);
    if (hasUnknownTasks) this.#leases.waitForCleanUp(nodeId);
    const session = new WorkerSession(connection, hello, peer, clock);
    this.#sessions.add(session);
    this.#monitor.connected(nodeId);
    const refusedAuthorities = this.certificates.refusedAuthorities();
    const managers = this.#managers.addresses;
    session.post({ kind: 'welcome', version, heartbeatMs, managers, refusedAuthorities });
    const isReady = this.#engines.begin(session);
    if (isReady) this.#assignments.open(session);
    const state = isReady ? 'is ready' : 'is connected, but its Docker engine does not answer';
    log.info(`node ${hello.name} ${state}`, { nodeId, from: connection.remote });
    return session;
  }

  #end(session: WorkerSession): void {
    if (!this.#sessions.end(session)) return;
    this.#engines.end(session.nodeId);
    this.#leases.forget(session.nodeId);
    this.#assignments.close(session.nodeId);
    this.#monitor.disconnected(session.nodeId);
  }

  #handle(session: WorkerSession, message: WorkerMessage): void {
    const { nodeId } = session;
    this.#monitor.recordMessage(nodeId);
    switch (message.kind) {
      case 'hello':
        throw new AppError('invalid', 'unexpected second hello');
      case 'heartbeat':
        this.#engines.report(session, message.engine ?? 'answering');
        return;
      case 'status':
        this.#reports.add(nodeId, message.reports);
        return;
      case 'networks':
        session.networks = message.networks;
        this.#setStuckNetworks(session, message.stuck ?? []);
        this.#leases.releaseGateways(session);
        return;
      case 'description':
        this.#limits.checkDescription(nodeId);
        this.#nodes.describe(nodeId, message.description);
        return;
      case 'want-image':
        void this.#sendImage(session, message);
        return;
      case 'renew':
        void this.certificates.handleRenewal(session, message);
        return;
      case 'result':
      case 'failure':
        this.#settle(session, message);
    }
  }

  /** Refuses a node whose worker sent a message that cannot be read, and says so in its status. */
  #refuse(nodeId: NodeId, problem: string): void {
    const node = this.#options.store.view.get('nodes', nodeId);
    if (node === undefined) return;
    const message = this.#quarantine.add(nodeId, problem);
    if (this.#limits.mayWarn(nodeId)) {
      this.#options.log.warn(`node ${node.spec.name}: ${message}`, { nodeId });
    }
    this.#nodes.setProblem(nodeId, message);
  }

  #settle(
    session: WorkerSession,
    message: Extract<WorkerMessage, { kind: 'result' | 'failure' }>,
  ): void {
    const { nodeId } = session;
    const malformed = session.settleCall(message);
    if (malformed === undefined || !this.#limits.mayWarn(nodeId)) return;
    this.#options.log.warn(malformed.message, { nodeId });
  }

  async #sendImage(
    session: WorkerSession,
    message: Extract<WorkerMessage, { kind: 'want-image' }>,
  ): Promise<void> {
    const { nodeId } = session;
    try {
      await this.#limits.runImageRequest(nodeId, () =>
        this.#images.handleRequest(session, message),
      );
    } catch (error) {
      const { kind, message: text } = toAppError(error);
      session.post({ kind: 'image', requestId: message.requestId, error: { kind, message: text } });
    }
  }

  #setStuckNetworks(session: WorkerSession, stuck: readonly StuckRemoval[]): void {
    this.#nodes.setStuckNetworks(session.nodeId, stuck, session.stuckNetworks);
    session.stuckNetworks = stuck;
  }

  #markDown(nodeId: NodeId, cause: string): void {
    const problem = this.#quarantine.problemOf(nodeId);
    const message = problem === undefined ? cause : `sent a malformed message: ${problem}`;
    const session = this.#sessions.get(nodeId);
    if (session !== undefined) {
      session.connection.close(sessionCloseCodes.silent, 'missed its heartbeats');
      this.#end(session);
    }
    this.#options.log.warn(`node is down: ${message}`, { nodeId });
    this.#nodes.markDown(nodeId, message);
  }

  /** Replaces the tasks of a connected node; its worker cuts the old containers off. */
  #fence(session: WorkerSession, message: string): void {
    const { nodeId } = session;
    this.#leases.forget(nodeId);
    this.#assignments.close(nodeId);
    session.post({ kind: 'fence' });
    this.#options.log.warn(`node is down: ${message}`, { nodeId });
    this.#nodes.markDown(nodeId, message, 'silent');
  }

  #onCommit(commit: Commit): void {
    this.#assignments.applyCommit(commit);
    for (const change of commit.changes) {
      if (change.table === 'nodes' && change.after === undefined) {
        this.#nodeRemoved(change.id as NodeId);
      } else if (change.table === 'volumes' && change.before === undefined) {
        this.#claimVolume(change.after?.spec.name ?? '');
      }
    }
    this.#assignments.flush();
  }

  #claimVolume(name: string): void {
    const holders = [...this.#sessions.all()].filter(({ volumes }) => volumes.includes(name));
    this.#nodes.claimVolume(
      name,
      holders.map(({ nodeId }) => nodeId),
    );
  }

  #nodeRemoved(nodeId: NodeId): void {
    this.#monitor.forget(nodeId);
    this.#engines.forget(nodeId);
    this.certificates.forget(nodeId);
    this.#quarantine.forget(nodeId);
    this.#sessions
      .get(nodeId)
      ?.connection.close(sessionCloseCodes.removed, 'node was removed from the cluster');
    this.#nodes.cleanUpRemoved(nodeId);
  }
}
