import type { Clock } from '../../common/base/clock.js';
import { AppError } from '../../common/base/errors.js';
import { silentEngineError } from '../../common/model/silent-engine.js';
import type { NewId } from '../../common/base/random.js';
import type { NodeId } from '../../common/model/ids.js';
import type { ManagerMessage } from '../../common/protocol/messages.js';
import type { Connection } from '../../common/protocol/transport-connection.js';
import type {
  MessageStream,
  WorkerCallMap,
  WorkerCallName,
  WorkerCalls,
  WorkerStreamRequest,
} from '../../common/protocol/worker-calls.js';
import type { StoreView } from '../../store/store.js';
import type { WorkerSession } from './session.js';
import { sessionCloseCodes } from './session.js';
import { WorkerStreams } from './worker-streams.js';

/** Sessions of the connected workers, at most one a node; calls and streams go through them. */
export class Sessions implements WorkerCalls {
  readonly #view: StoreView;
  readonly #byNode = new Map<NodeId, WorkerSession>();
  readonly #streams: WorkerStreams;

  constructor(view: StoreView, newId: NewId, clock: Clock) {
    this.#view = view;
    this.#streams = new WorkerStreams(newId, clock);
  }

  get(nodeId: NodeId): WorkerSession | undefined {
    return this.#byNode.get(nodeId);
  }

  all(): Iterable<WorkerSession> {
    return this.#byNode.values();
  }

  isConnected(nodeId: NodeId): boolean {
    return this.#byNode.has(nodeId);
  }

  /** Closes the previous session of the node. */
  closePrevious(nodeId: NodeId): void {
    const previous = this.#byNode.get(nodeId);
    previous?.connection.close(sessionCloseCodes.replaced, 'replaced by a newer connection');
    previous?.end();
  }

  add(session: WorkerSession): void {
    this.#byNode.set(session.nodeId, session);
  }

  /** Ends a session; false if a newer session of its node has replaced it. */
  end(session: WorkerSession): boolean {
    session.end();
    if (this.#byNode.get(session.nodeId) !== session) return false;
    return this.#byNode.delete(session.nodeId);
  }

  closeAll(code: number, reason: string): void {
    for (const session of this.#byNode.values()) {
      session.connection.close(code, reason);
      session.end();
    }
  }

  postAll(message: ManagerMessage): void {
    for (const session of this.#byNode.values()) session.post(message);
  }

  /** See `WorkerStreams.claim`. */
  claimStream(streamId: string, nodeId: string): (connection: Connection) => void {
    return this.#streams.claim(streamId, nodeId);
  }

  call<Name extends WorkerCallName>(
    nodeId: NodeId,
    name: Name,
    args: WorkerCallMap[Name]['args'],
    signal: AbortSignal,
  ): Promise<WorkerCallMap[Name]['result']> {
    return this.#with(nodeId, (session) => session.call(name, args, signal));
  }

  open(
    nodeId: NodeId,
    request: WorkerStreamRequest,
    signal: AbortSignal,
  ): Promise<{ readonly streamId: string; readonly stream: MessageStream }> {
    return this.#with(nodeId, (session) => this.#streams.open(session, request, signal));
  }

  #with<T>(nodeId: NodeId, use: (session: WorkerSession) => Promise<T>): Promise<T> {
    const session = this.#byNode.get(nodeId);
    const name = this.#view.get('nodes', nodeId)?.spec.name ?? nodeId;
    if (session === undefined) {
      return Promise.reject(new AppError('unavailable', `node ${name} is not connected`));
    }
    if (session.engine === 'silent') return Promise.reject(silentEngineError(name));
    return use(session);
  }
}
