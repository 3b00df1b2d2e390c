import type { Clock } from '../common/base/clock.js';
import type { NodeId } from '../common/model/ids.js';
import { sessionCloseCodes, type WorkerSession } from './session.js';

export interface EngineSilenceOptions {
  readonly clock: Clock;
  /** Time after which the tasks of a node with a silent engine are replaced, ms. */
  readonly graceMs: number;
  /** Called when a node's engine falls silent, and when it answers again within the grace. */
  readonly onChange: (session: WorkerSession) => void;
  /** Called once the grace has passed: the node's tasks are replaced, its containers fenced. */
  readonly onExpired: (session: WorkerSession, message: string) => void;
}

/**
 * Follows engines that do not answer although their worker is connected. A node is unknown from the
 * first report and down after the grace. The worker of a fenced node starts a new session once its
 * engine answers: it receives a full set and removes replaced containers before it rejoins an
 * overlay.
 */
export class EngineSilence {
  readonly #options: EngineSilenceOptions;
  /** Cancels the grace of each node with a silent engine. */
  readonly #graces = new Map<NodeId, () => void>();
  /** Sessions that receive no assignments: fenced, or begun with a silent engine. */
  readonly #unassigned = new WeakSet<WorkerSession>();

  constructor(options: EngineSilenceOptions) {
    this.#options = options;
  }

  /** Follows a new session. True if it may receive assignments: its engine answers. */
  begin(session: WorkerSession): boolean {
    this.forget(session.nodeId);
    if (session.engine === 'answering') return true;
    this.#unassigned.add(session);
    this.#await(session);
    return false;
  }

  /** Records the state of the engine from a heartbeat. */
  report(session: WorkerSession, engine: WorkerSession['engine']): void {
    if (session.engine === engine) return;
    session.engine = engine;
    this.forget(session.nodeId);
    if (engine === 'silent') this.#await(session);
    if (!this.#unassigned.has(session)) {
      this.#options.onChange(session);
    } else if (engine === 'answering') {
      session.connection.close(sessionCloseCodes.engineReturned, 'the engine answers again');
    }
  }

  /** Call it when the session of a node ends. */
  forget(nodeId: NodeId): void {
    this.#graces.get(nodeId)?.();
    this.#graces.delete(nodeId);
  }

  stop(): void {
    for (const nodeId of [...this.#graces.keys()]) this.forget(nodeId);
  }

  #await(session: WorkerSession): void {
    const { clock, graceMs, onExpired } = this.#options;
    const cancel = clock.after(graceMs, () => {
      this.#unassigned.add(session);
      const seconds = String(Math.round(graceMs / 1_000));
      onExpired(session, `worker answers, but its Docker engine has not for ${seconds} s`);
    });
    this.#graces.set(session.nodeId, cancel);
  }
}
