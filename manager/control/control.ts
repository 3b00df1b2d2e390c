import { accessOf, requireAccess } from '../access/client-access.js';
import { controlRequest } from '../access/decide-access.js';
import { scopeEvents, scopeOf, scopeStatistics, scopeStore } from '../access/scoped-sources.js';
import type { ScopedView } from '../access/scoped-view.js';
import { anything, decodeJson } from '../common/base/decode.js';
import { AppError, messageOf, toAppError } from '../common/base/errors.js';
import type {
  ControlCallMap,
  ControlCallName,
  ControlStreamName,
  ManagerInfo,
} from '../common/protocol/control.js';
import { apiPaths } from '../common/protocol/messages.js';
import type { AuditOrigin } from '../store/journal.js';
import type { Peer } from '../transport/peer.js';
import { requireClient } from '../transport/peer.js';
import type { ClusterStore } from '../store/store.js';
import type { Connection } from '../common/protocol/transport-connection.js';
import type { Caller, InvokeCall } from '../transport/invoke-call.js';
import type { CallRequest, StreamRequest } from '../transport/request-router.js';
import { Args } from './args.js';
import { containerNetworkCalls } from './calls/container-networks.js';
import { containerCalls } from './calls/containers.js';
import { dataCalls } from './calls/data.js';
import { AuditLog } from './audit-log.js';
import type { RequestRecorder } from './audit-recorder.js';
import { auditOrigin, AuditRecorder } from './audit-recorder.js';
import { auditTarget } from './audit-target.js';
import { auditCalls } from './calls/audit.js';
import { imageCalls } from './calls/images.js';
import { unmanagedCalls } from './calls/unmanaged.js';
import { managerCalls } from './calls/managers.js';
import { nodeCalls } from './calls/nodes.js';
import { previewCalls } from './calls/preview.js';
import { projectCalls } from './calls/project.js';
import { projectSettingsCalls } from './calls/project-settings.js';
import { rolloutCalls } from './calls/rollout.js';
import { resourceCalls } from './calls/resources.js';
import { clientCalls } from './calls/clients.js';
import { securityCalls } from './calls/security.js';
import { serviceObjectCalls } from './calls/service-objects.js';
import { serviceCalls } from './calls/services.js';
import { taskCalls } from './calls/tasks.js';
import type { CallContext, ControlCalls, ControlOptions } from './context.js';
import { EventLog } from './event-log.js';
import { auditStream } from './streams/audit.js';
import { backupStream } from './streams/backup.js';
import { eventsStream } from './streams/events.js';
import { attach, exec } from './streams/exec.js';
import { copyIn, copyOut, exportTask } from './streams/files.js';
import { build, fetchStream, pull, push } from './streams/images.js';
import { logsStream } from './streams/logs.js';
import { statsStream } from './streams/stats.js';
import type { ClientStream, ControlStreams } from './streams/stream-context.js';
import { watchStream } from './streams/watch.js';

const argumentsDeadlineMs = 10_000;

function info({ store, manager }: CallContext): Promise<ManagerInfo> {
  const { view } = store;
  return Promise.resolve({
    ...manager,
    nodes: view.count('nodes'),
    services: view.count('services'),
    tasks: view.count('tasks'),
  });
}

const calls: ControlCalls = {
  info,
  ...previewCalls,
  ...projectCalls,
  ...projectSettingsCalls,
  ...serviceCalls,
  ...serviceObjectCalls,
  ...containerCalls,
  ...containerNetworkCalls,
  ...rolloutCalls,
  ...taskCalls,
  ...imageCalls,
  ...unmanagedCalls,
  ...auditCalls,
  ...nodeCalls,
  ...managerCalls,
  ...securityCalls,
  ...clientCalls,
  ...resourceCalls,
  ...dataCalls,
};

const streams: ControlStreams = {
  watch: watchStream,
  events: eventsStream,
  audit: auditStream,
  logs: logsStream,
  exec,
  attach,
  stats: statsStream,
  backup: backupStream,
  pull,
  push,
  build,
  fetch: fetchStream,
  'copy-out': copyOut,
  'copy-in': copyIn,
  export: exportTask,
};

function isCall(name: string): name is ControlCallName {
  return Object.hasOwn(calls, name);
}

function isStream(name: string): name is ControlStreamName {
  return Object.hasOwn(streams, name);
}

/** The control API for clients: request/response calls and long-lived streams. */
export class ControlApi {
  readonly #options: ControlOptions;
  readonly #events: EventLog;
  readonly #audit: AuditLog;
  readonly #recorder: AuditRecorder;
  readonly #open = new Set<Connection>();

  constructor(options: ControlOptions) {
    this.#options = options;
    this.#events = new EventLog(options);
    this.#audit = new AuditLog(options.store);
    this.#recorder = new AuditRecorder(this.#audit, options);
  }

  start(): void {
    this.#events.start();
    this.#audit.start();
  }

  /** The cluster's event log, for the Docker API gateway. */
  get events(): Pick<EventLog, 'read' | 'listen'> {
    return this.#events;
  }

  /** Audit records of requests that do not come through a control call. */
  get requests(): RequestRecorder {
    return this.#recorder.requests;
  }

  stop(): void {
    this.#events.stop();
    this.#audit.stop();
    for (const connection of this.#open) connection.close(1001, 'manager is stopping');
  }

  async call(request: CallRequest<Peer>): Promise<unknown> {
    const { identity: peer, signal, body } = request;
    const name = request.path.slice(apiPaths.call.length);
    if (!isCall(name)) {
      requireClient(peer);
      throw new AppError('unsupported', `call ${name}: not supported by this manager`);
    }
    return this.#run(name, body, { peer, signal });
  }

  /** Runs a call on behalf of a client, with the checks and the audit record of `call`. */
  readonly invoke: InvokeCall = (name, args, caller) => this.#run(name, args, caller);

  async #run<Name extends ControlCallName>(
    name: Name,
    args: unknown,
    { peer, signal }: Caller,
  ): Promise<ControlCallMap[Name]['result']> {
    const origin = auditOrigin(peer, name);
    const about = auditTarget(args);
    try {
      const access = accessOf(peer);
      requireAccess(access, controlRequest(name, args));
      const store = onBehalf(this.#options.store, origin, scopeOf(this.#options.store, access));
      const clusterView = this.#options.store.view;
      const caller = { peer, access, clusterView, signal };
      const context = { ...this.#options, store, audit: this.#audit, ...caller };
      const result = await calls[name](context, args);
      await this.#recorder.done(origin, about);
      return result;
    } catch (error) {
      await this.#recorder.failed(origin, about, error);
      throw error;
    }
  }

  async stream(request: StreamRequest<Peer>): Promise<void> {
    requireClient(request.identity);
    const name = request.path.slice(apiPaths.stream.length);
    if (!isStream(name)) {
      throw new AppError('unsupported', `stream ${name}: not supported by this manager`);
    }
    const connection = await request.accept('stream');
    this.#open.add(connection);
    try {
      await this.#serve(name, connection, request.identity);
      connection.close();
    } catch (error) {
      await this.#fail(connection, error);
    } finally {
      this.#open.delete(connection);
    }
  }

  async #serve(name: ControlStreamName, connection: Connection, peer: Peer): Promise<void> {
    const disconnected = new AbortController();
    const ended = connection.ended.then(() => {
      disconnected.abort();
      return undefined;
    });
    const input = connection[Symbol.asyncIterator]();
    const first = await firstMessage(input, this.#options);
    const client: ClientStream = { stream: connection, input, ended, signal: disconnected.signal };
    try {
      await this.#answer(name, first, { peer, client });
    } catch (error) {
      await this.#recorder.failed(auditOrigin(peer, name), auditTarget(first), error);
      throw error;
    }
  }

  async #answer(
    name: ControlStreamName,
    first: unknown,
    { peer, client }: { readonly peer: Peer; readonly client: ClientStream },
  ): Promise<void> {
    const access = accessOf(peer);
    requireAccess(access, controlRequest(name, first));
    const args = new Args(name, first);
    const origin = auditOrigin(peer, name);
    await this.#recorder.started(origin, auditTarget(first));
    const scope = scopeOf(this.#options.store, access);
    const store = onBehalf(this.#options.store, origin, scope);
    const sources =
      scope === undefined
        ? { events: this.#events }
        : {
            events: scopeEvents(this.#events, scope),
            statistics: scopeStatistics(this.#options.statistics, scope),
          };
    const context = { ...this.#options, ...sources, store, access, audit: this.#audit };
    await streams[name](context, args, client);
  }

  async #fail(connection: Connection, error: unknown): Promise<void> {
    const { kind, message } = toAppError(error);
    if (kind === 'internal') this.#options.log.error(`stream failed: ${messageOf(error)}`);
    // A client that has already disconnected is not an error.
    await connection.send(JSON.stringify({ error: { kind, message } })).catch(() => undefined);
    connection.close();
  }
}

/**
 * A store whose updates carry `origin` for the audit log and whose reads are limited to `scope`.
 */
function onBehalf(
  store: ClusterStore,
  origin: AuditOrigin,
  scope: ScopedView | undefined,
): ClusterStore {
  return {
    ...(scope === undefined
      ? { view: store.view, watch: (listener) => store.watch(listener) }
      : scopeStore(store, scope)),
    update: (actor, change) => store.update(actor, change, origin),
    addBatchHook: (companion) => store.addBatchHook(companion),
    close: () => store.close(),
  };
}

async function firstMessage(
  input: AsyncIterator<string | Uint8Array>,
  { clock }: Pick<ControlOptions, 'clock'>,
): Promise<unknown> {
  let cancel: (() => void) | undefined;
  const timedOut = new Promise<never>((_resolve, reject) => {
    cancel = clock.after(argumentsDeadlineMs, () => {
      reject(new AppError('timeout', 'stream: no arguments received in time'));
    });
  });
  try {
    const first = await Promise.race([input.next(), timedOut]);
    if (first.done === true) throw new AppError('cancelled', 'stream: client disconnected');
    return decodeJson(String(first.value), anything, 'stream: arguments');
  } finally {
    cancel?.();
  }
}
