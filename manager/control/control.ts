import { AppError, messageOf, toAppError } from '../common/base/errors.js';
import type {
  ControlCallName,
  ControlStreamName,
  ManagerInfo,
} from '../common/protocol/control.js';
import { paths } from '../common/protocol/messages.js';
import type { Origin } from '../store/journal.js';
import type { Peer } from '../transport/peer.js';
import type { ClusterStore } from '../store/store.js';
import type { Connection } from '../common/protocol/transport-connection.js';
import type { CallRequest, StreamRequest } from '../transport/transport-server.js';
import { Args } from './args.js';
import { dataCalls } from './calls/data.js';
import { AuditLog } from './audit-log.js';
import { auditCalls } from './calls/audit.js';
import { imageCalls } from './calls/images.js';
import { otherCalls } from './calls/others.js';
import { managerCalls } from './calls/managers.js';
import { nodeCalls } from './calls/nodes.js';
import { projectCalls } from './calls/project.js';
import { rollingCalls } from './calls/rolling.js';
import { resourceCalls } from './calls/resources.js';
import { securityCalls } from './calls/security.js';
import { serviceCalls } from './calls/services.js';
import { taskCalls } from './calls/tasks.js';
import type { CallContext, ControlCalls, ControlOptions } from './context.js';
import { EventLog } from './event-log.js';
import { backup } from './streams/backup.js';
import { events } from './streams/events.js';
import { attach, exec } from './streams/exec.js';
import { copyIn, copyOut, exportTask } from './streams/files.js';
import { build, fetch, pull, push } from './streams/images.js';
import { logs } from './streams/logs.js';
import { stats } from './streams/stats.js';
import type { ClientStream, ControlStreams } from './streams/stream-context.js';
import { watch } from './streams/watch.js';

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
  ...projectCalls,
  ...serviceCalls,
  ...rollingCalls,
  ...taskCalls,
  ...imageCalls,
  ...otherCalls,
  ...auditCalls,
  ...nodeCalls,
  ...managerCalls,
  ...securityCalls,
  ...resourceCalls,
  ...dataCalls,
};

const streams: ControlStreams = {
  watch,
  events,
  logs,
  exec,
  attach,
  stats,
  backup,
  pull,
  push,
  build,
  fetch,
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

/** What the client can ask of the cluster: calls, and streams that stay open. */
export class ControlApi {
  readonly #options: ControlOptions;
  readonly #events: EventLog;
  readonly #audit: AuditLog;
  readonly #open = new Set<Connection>();

  constructor(options: ControlOptions) {
    this.#options = options;
    this.#events = new EventLog(options);
    this.#audit = new AuditLog(options.store);
  }

  start(): void {
    this.#events.start();
    this.#audit.start();
  }

  /** What has happened in the cluster, for rooms that tell it in other words. */
  get events(): Pick<EventLog, 'read' | 'listen'> {
    return this.#events;
  }

  /** Puts into the audit what somebody does by another way than a call. */
  async note(peer: Peer, action: string, about: string): Promise<void> {
    await this.#audit.note(originOf(peer, action), about);
  }

  stop(): void {
    this.#events.stop();
    this.#audit.stop();
    for (const connection of this.#open) connection.close(1001, 'manager is stopping');
  }

  async call(request: CallRequest<Peer>): Promise<unknown> {
    requireClient(request.identity);
    const name = request.path.slice(paths.call.length);
    if (!isCall(name)) throw new AppError('unsupported', `this manager does not know call ${name}`);
    const origin = originOf(request.identity, name);
    const context = {
      ...this.#options,
      store: onBehalf(this.#options.store, origin),
      audit: this.#audit,
      peer: request.identity,
      signal: request.signal,
    };
    // Inside a promise, so that what a check throws is an answer as well.
    const result = await Promise.resolve().then(() => calls[name](context, request.body));
    if (actions.has(name)) await this.#audit.note(origin, lineOf(request.body));
    return result;
  }

  async stream(request: StreamRequest<Peer>): Promise<void> {
    requireClient(request.identity);
    const name = request.path.slice(paths.stream.length);
    if (!isStream(name)) {
      throw new AppError('unsupported', `this manager does not know stream ${name}`);
    }
    const connection = await request.accept('stream');
    this.#open.add(connection);
    try {
      await this.#serve(name, connection, originOf(request.identity, name));
      connection.close();
    } catch (error) {
      await this.#fail(connection, error);
    } finally {
      this.#open.delete(connection);
    }
  }

  async #serve(name: ControlStreamName, connection: Connection, origin: Origin): Promise<void> {
    const gone = new AbortController();
    const ended = connection.ended.then(() => {
      gone.abort();
      return undefined;
    });
    const input = connection[Symbol.asyncIterator]();
    const first = await firstMessage(input, this.#options);
    const args = new Args(name, first);
    if (actions.has(name)) await this.#audit.note(origin, lineOf(first));
    const client: ClientStream = { stream: connection, input, ended, signal: gone.signal };
    const store = onBehalf(this.#options.store, origin);
    await streams[name]({ ...this.#options, store, events: this.#events }, args, client);
  }

  async #fail(connection: Connection, error: unknown): Promise<void> {
    const { kind, message } = toAppError(error);
    if (kind === 'internal') this.#options.log.error(`stream failed: ${messageOf(error)}`);
    // The client may be gone already, which is a way to end a stream, not an error.
    await connection.send(JSON.stringify({ error: { kind, message } })).catch(() => undefined);
    connection.close();
  }
}

/** What acts on containers and images and changes nothing in the store. */
const actions: ReadonlySet<string> = new Set<ControlCallName | ControlStreamName>([
  'service.kill',
  'service.pause',
  'service.clean',
  'image.remove',
  'exec',
  'attach',
  'copy-in',
  'push',
  'build',
]);

function originOf({ nodeId, role }: Peer, action: string): Origin {
  return { who: nodeId, role, action };
}

/** The store, with everything written through it noted as asked for by `origin`. */
function onBehalf(store: ClusterStore, origin: Origin): ClusterStore {
  return {
    view: store.view,
    update: (actor, change) => store.update(actor, change, origin),
    watch: (listener) => store.watch(listener),
    accompany: (companion) => store.accompany(companion),
    close: () => store.close(),
  };
}

/** Where it was done, without what: a command line may hold what is nobody's business. */
function lineOf(body: unknown): string {
  const { project, service, services, index, image, node } = body as Readonly<
    Record<string, unknown>
  >;
  const named = { project, service, services, index, image, node };
  return Object.entries(named)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key} ${Array.isArray(value) ? value.join(' ') : String(value)}`)
    .join(', ');
}

function requireClient(identity: Peer): void {
  if (identity.role === 'client') return;
  throw new AppError('forbidden', `a ${identity.role} may not use the client's calls`);
}

async function firstMessage(
  input: AsyncIterator<string | Uint8Array>,
  { clock }: Pick<ControlOptions, 'clock'>,
): Promise<unknown> {
  let cancel: (() => void) | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    cancel = clock.after(argumentsDeadlineMs, () => {
      reject(new AppError('timeout', 'no arguments came'));
    });
  });
  try {
    const first = await Promise.race([input.next(), late]);
    if (first.done === true) throw new AppError('cancelled', 'the client has gone');
    return JSON.parse(String(first.value)) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) throw new AppError('invalid', 'arguments are not JSON');
    throw error;
  } finally {
    cancel?.();
  }
}
