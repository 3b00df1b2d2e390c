import type { Clock } from '../../common/base/clock.js';
import type { NodeId } from '../../common/model/ids.js';
import type { EngineState } from '../../common/model/silent-engine.js';
import { sessionCloseCodes, type WorkerSession } from '../sessions/session.js';

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
  /** Cancels the grace of each connected node with a silent engine. */
  readonly #graces = new Map<NodeId, () => void>();
  /** Start of each silence on the monotonic clock; outlives the session. */
  readonly #silentSince = new Map<NodeId, number>();
  /** Sessions that receive no assignments: fenced, or begun with a silent engine. */
  readonly #unassigned = new WeakSet<WorkerSession>();

  constructor(options: EngineSilenceOptions) {
    this.#options = options;
  }

  /**
   * Follows a new session. True if it may receive assignments: its engine answers. The grace of a
   * silent engine continues from the previous session.
   */
  begin(session: WorkerSession): boolean {
    this.#follow(session);
    if (session.engine === 'answering') return true;
    this.#unassigned.add(session);
    return false;
  }

  /** Records the state of the engine from a heartbeat. */
  report(session: WorkerSession, engine: EngineState): void {
    if (session.engine === engine) return;
    session.engine = engine;
    this.#follow(session);
    if (!this.#unassigned.has(session)) {
      this.#options.onChange(session);
    } else if (engine === 'answering') {
      session.connection.close(sessionCloseCodes.engineReturned, 'the engine answers again');
    }
  }

  /** Stops the grace when the session of a node ends; the time of silence stays known. */
  end(nodeId: NodeId): void {
    this.#graces.get(nodeId)?.();
    this.#graces.delete(nodeId);
  }

  /** Call it when a node is removed from the cluster. */
  forget(nodeId: NodeId): void {
    this.end(nodeId);
    this.#silentSince.delete(nodeId);
  }

  stop(): void {
    for (const nodeId of [...this.#graces.keys()]) this.end(nodeId);
  }

  #follow(session: WorkerSession): void {
    const { nodeId } = session;
    this.end(nodeId);
    if (session.engine === 'answering') this.#silentSince.delete(nodeId);
    else this.#await(session);
  }

  #await(session: WorkerSession): void {
    const { clock, graceMs, onExpired } = this.#options;
    const now = clock.elapsed();
    const since = this.#silentSince.get(session.nodeId) ?? now;
    this.#silentSince.set(session.nodeId, since);
    const cancel = clock.after(Math.max(0, since + graceMs - now), () => {
      this.#unassigned.add(session);
      const seconds = String(Math.round(graceMs / 1_000));
      onExpired(session, `worker answers, but its Docker engine has not for ${seconds} s`);
    });
    this.#graces.set(session.nodeId, cancel);
  }
}
