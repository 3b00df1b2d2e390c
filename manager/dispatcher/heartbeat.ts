import type { Clock } from '../common/base/clock.js';
import type { NodeId } from '../common/model/ids.js';
import type { NodeSigns, StatusTiming } from './node-status.js';
import { judgeNode } from './node-status.js';
import type { Probe } from './probe.js';

export interface HeartbeatOptions {
  readonly clock: Clock;
  readonly timing: StatusTiming;
  readonly probe: Probe;
  /** Underlay address of a node; undefined when the node is gone. */
  readonly addressOf: (nodeId: NodeId) => string | undefined;
  /** Called once for each time a node is found down. */
  readonly onDown: (nodeId: NodeId, message: string) => void;
}

interface Watched {
  signs: NodeSigns;
  cancel: (() => void) | undefined;
  down: boolean;
}

/** One timer per node; what it means is decided in node-status.ts. */
export class HeartbeatMonitor {
  readonly #options: HeartbeatOptions;
  readonly #nodes = new Map<NodeId, Watched>();

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Begins to expect a node that is not connected; `graceMs` more than usual. */
  expect(nodeId: NodeId, graceMs: number): void {
    this.#set(nodeId, false, this.#options.clock.elapsed() + graceMs);
  }

  connected(nodeId: NodeId): void {
    this.#set(nodeId, true, this.#options.clock.elapsed());
  }

  heard(nodeId: NodeId): void {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return;
    // The timer stays: when it fires it finds the newer time. One timer a node, not one a heartbeat.
    const now = this.#options.clock.elapsed();
    node.signs = { ...node.signs, heardAt: now, missedAt: undefined, machine: 'unasked' };
  }

  /** The session ended: the second opinion is wanted now, not after the deadline. */
  disconnected(nodeId: NodeId): void {
    const node = this.#nodes.get(nodeId);
    if (node === undefined || node.down) return;
    node.signs = {
      ...node.signs,
      connected: false,
      missedAt: this.#options.clock.elapsed(),
      machine: 'unasked',
    };
    this.#look(nodeId, node);
  }

  forget(nodeId: NodeId): void {
    this.#nodes.get(nodeId)?.cancel?.();
    this.#nodes.delete(nodeId);
  }

  stop(): void {
    for (const nodeId of [...this.#nodes.keys()]) this.forget(nodeId);
  }

  #set(nodeId: NodeId, connected: boolean, heardAt: number): void {
    this.forget(nodeId);
    const node: Watched = {
      signs: { connected, heardAt, missedAt: undefined, machine: 'unasked', askedAt: 0 },
      cancel: undefined,
      down: false,
    };
    this.#nodes.set(nodeId, node);
    this.#look(nodeId, node);
  }

  #look(nodeId: NodeId, node: Watched): void {
    node.cancel?.();
    node.cancel = undefined;
    const { clock, timing, onDown } = this.#options;
    const now = clock.elapsed();
    const step = judgeNode(node.signs, now, timing);
    if (step.kind === 'wait') {
      node.cancel = clock.after(step.until - now, () => {
        this.#look(nodeId, node);
      });
    } else if (step.kind === 'ask') {
      void this.#ask(nodeId, node);
    } else {
      node.down = true;
      onDown(nodeId, step.message);
    }
  }

  async #ask(nodeId: NodeId, node: Watched): Promise<void> {
    const { clock, probe, addressOf } = this.#options;
    const now = clock.elapsed();
    node.signs = {
      ...node.signs,
      missedAt: node.signs.missedAt ?? now,
      machine: 'asking',
      askedAt: now,
    };
    const address = addressOf(nodeId);
    const alive = address !== undefined && (await probe(address).catch(() => false));
    // Heard of again, or replaced by a new session, while the answer was on its way.
    if (this.#nodes.get(nodeId) !== node || node.signs.machine !== 'asking') {
      if (this.#nodes.get(nodeId) === node && !node.down) this.#look(nodeId, node);
      return;
    }
    node.signs = { ...node.signs, machine: alive ? 'alive' : 'gone' };
    this.#look(nodeId, node);
  }
}
