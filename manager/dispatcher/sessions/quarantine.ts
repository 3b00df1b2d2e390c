import type { Clock } from '../../common/base/clock.js';
import { AppError } from '../../common/base/errors.js';
import type { NodeId } from '../../common/model/ids.js';

interface Offence {
  readonly problem: string;
  readonly untilMs: number;
  readonly durationMs: number;
}

/** Longer than the grace of a worker that is away, so that a broken node's tasks are replaced. */
const firstMs = 60_000;
const maxMs = 600_000;

/**
 * Nodes whose worker sent a message that cannot be read. They are refused for a minute, after each
 * further one for twice as long.
 */
export class Quarantine {
  readonly #clock: Clock;
  readonly #offences = new Map<NodeId, Offence>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns the node's status message. A node that is refused already is not refused for longer. */
  add(nodeId: NodeId, problem: string): string {
    const now = this.#clock.elapsed();
    const left = this.#left(nodeId);
    if (left !== undefined) return messageFor(left.problem, left.ms);
    const last = this.#offences.get(nodeId);
    // A node that behaved for as long as it was refused starts over.
    const isRepeated = last !== undefined && now < last.untilMs + last.durationMs;
    const durationMs = isRepeated ? Math.min(last.durationMs * 2, maxMs) : firstMs;
    this.#offences.set(nodeId, { problem, untilMs: now + durationMs, durationMs });
    return messageFor(problem, durationMs);
  }

  /** Throws `unavailable` with the reason while the node is refused. */
  check(nodeId: NodeId, name: string): void {
    const left = this.#left(nodeId);
    if (left === undefined) return;
    throw new AppError('unavailable', `node ${name}: ${messageFor(left.problem, left.ms)}`);
  }

  /** The reason why a node is refused; undefined if it is not. */
  problemOf(nodeId: NodeId): string | undefined {
    return this.#left(nodeId)?.problem;
  }

  forget(nodeId: NodeId): void {
    this.#offences.delete(nodeId);
  }

  #left(nodeId: NodeId): { readonly problem: string; readonly ms: number } | undefined {
    const offence = this.#offences.get(nodeId);
    const ms = (offence?.untilMs ?? 0) - this.#clock.elapsed();
    return offence === undefined || ms <= 0 ? undefined : { problem: offence.problem, ms };
  }
}

function messageFor(problem: string, ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  return `sent a malformed message: ${problem}; refused for ${seconds} s, upgrade or inspect its worker`;
}
