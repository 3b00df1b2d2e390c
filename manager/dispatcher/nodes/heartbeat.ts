import type { Clock } from '../../common/base/clock.js';
import type { NodeId } from '../../common/model/ids.js';
import type { NodeLiveness, LivenessTiming } from './node-liveness.js';
import { evaluateLiveness } from './node-liveness.js';
import type { Probe } from './probe.js';

export interface HeartbeatOptions {
  readonly clock: Clock;
  readonly timing: LivenessTiming;
  readonly probe: Probe;
  /** Underlay address of a node; undefined if the node does not exist. */
  readonly addressOf: (nodeId: NodeId) => string | undefined;
  /** Called once each time a node goes down. */
  readonly onDown: (nodeId: NodeId, message: string) => void;
}

interface MonitoredNode {
  signs: NodeLiveness;
  cancel: (() => void) | undefined;
  down: boolean;
}

/** Detects dead nodes with one timer per node; the decision itself is a pure function. */
export class HeartbeatMonitor {
  readonly #options: HeartbeatOptions;
  readonly #nodes = new Map<NodeId, MonitoredNode>();
  #stopped = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Starts the deadline of a node that is not connected, extended by `graceMs`. */
  expect(nodeId: NodeId, graceMs: number): void {
    this.#set(nodeId, false, this.#options.clock.elapsed() + graceMs);
  }

  connected(nodeId: NodeId): void {
    this.#set(nodeId, true, this.#options.clock.elapsed());
  }

  recordMessage(nodeId: NodeId): void {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return;
    // Keeps the timer: when it fires, it reads the newer time. One timer per node, not per
    // heartbeat.
    const now = this.#options.clock.elapsed();
    node.signs = { ...node.signs, heardAt: now, missedAt: undefined, machine: 'unasked' };
  }

  /** Probes the machine of a node whose session ended at once, without waiting for the deadline. */
  disconnected(nodeId: NodeId): void {
    const node = this.#nodes.get(nodeId);
    if (node === undefined || node.down) return;
    node.signs = {
      ...node.signs,
      connected: false,
      missedAt: this.#options.clock.elapsed(),
      machine: 'unasked',
    };
    this.#evaluate(nodeId, node);
  }

  forget(nodeId: NodeId): void {
    this.#nodes.get(nodeId)?.cancel?.();
    this.#nodes.delete(nodeId);
  }

  /** Stops monitoring; nodes that connect afterwards are not monitored. */
  stop(): void {
    this.#stopped = true;
    for (const nodeId of [...this.#nodes.keys()]) this.forget(nodeId);
  }

  #set(nodeId: NodeId, connected: boolean, heardAt: number): void {
    this.forget(nodeId);
    if (this.#stopped) return;
    const node: MonitoredNode = {
      signs: { connected, heardAt, missedAt: undefined, machine: 'unasked', probedAt: 0 },
      cancel: undefined,
      down: false,
    };
    this.#nodes.set(nodeId, node);
    this.#evaluate(nodeId, node);
  }

  #evaluate(nodeId: NodeId, node: MonitoredNode): void {
    node.cancel?.();
    node.cancel = undefined;
    const { clock, timing, onDown } = this.#options;
    const now = clock.elapsed();
    const action = evaluateLiveness(node.signs, now, timing);
    if (action.kind === 'wait') {
      node.cancel = clock.after(action.until - now, () => {
        this.#evaluate(nodeId, node);
      });
    } else if (action.kind === 'ask') {
      void this.#probe(nodeId, node);
    } else {
      node.down = true;
      onDown(nodeId, action.message);
    }
  }

  async #probe(nodeId: NodeId, node: MonitoredNode): Promise<void> {
    const { clock, probe, addressOf } = this.#options;
    const now = clock.elapsed();
    node.signs = {
      ...node.signs,
      missedAt: node.signs.missedAt ?? now,
      machine: 'asking',
      probedAt: now,
    };
    const address = addressOf(nodeId);
    const alive = address !== undefined && (await probe(address).catch(() => false));
    // A message or a new session may have arrived while the probe was in flight.
    if (this.#nodes.get(nodeId) !== node || node.signs.machine !== 'asking') {
      if (this.#nodes.get(nodeId) === node && !node.down) this.#evaluate(nodeId, node);
      return;
    }
    node.signs = { ...node.signs, machine: alive ? 'alive' : 'gone' };
    this.#evaluate(nodeId, node);
  }
}
