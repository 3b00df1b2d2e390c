import type { Clock } from '../common/base/clock.js';
import { messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import { ReconcileLoop } from '../common/base/loop.js';
import type { NodeId } from '../common/model/ids.js';
import type { Volume } from '../common/model/network.js';
import type { WorkerCalls } from '../common/protocol/worker-calls.js';
import type { ClusterStore, StoreView } from '../store/store.js';

const removeDeadlineMs = 30_000;

/** Volumes marked for removal that no task's container uses. */
export function removableVolumes(view: StoreView): readonly Volume[] {
  const removing = view.list('volumes').filter((volume) => volume.removing);
  if (removing.length === 0) return [];
  const used = new Set<string>();
  for (const task of view.list('tasks')) {
    for (const mount of task.spec.container.mounts) {
      if (mount.type === 'volume' && mount.source !== undefined) used.add(mount.source);
    }
  }
  return removing.filter((volume) => !used.has(volume.spec.name));
}

/**
 * Removes volumes from every node that has them, then their record. Waits for disconnected nodes.
 */
export class VolumeRemoval {
  readonly #store: ClusterStore;
  readonly #log: Logger;
  readonly #calls: WorkerCalls;
  readonly #isConnected: (nodeId: NodeId) => boolean;
  readonly #loop: ReconcileLoop;
  #stopWatching: (() => void) | undefined;

  constructor(options: {
    readonly store: ClusterStore;
    readonly clock: Clock;
    readonly log: Logger;
    readonly calls: WorkerCalls;
    readonly isConnected: (nodeId: NodeId) => boolean;
  }) {
    this.#store = options.store;
    this.#log = options.log;
    this.#calls = options.calls;
    this.#isConnected = options.isConnected;
    this.#loop = new ReconcileLoop({
      name: 'volume removal',
      clock: options.clock,
      log: options.log,
      reconcile: (signal) => this.#turn(signal),
      debounceMs: 20,
      resyncMs: 5_000,
    });
  }

  start(): void {
    this.#stopWatching = this.#store.watch((commit) => {
      const relevant = commit.changes.some(
        ({ table, after }) => table === 'volumes' || (table === 'tasks' && after === undefined),
      );
      if (relevant) this.#loop.trigger();
    });
    this.#loop.start();
  }

  async stop(): Promise<void> {
    this.#stopWatching?.();
    await this.#loop.stop();
  }

  async #turn(signal: AbortSignal): Promise<void> {
    await Promise.all(
      removableVolumes(this.#store.view).map((volume) => this.#remove(volume, signal)),
    );
  }

  async #remove(volume: Volume, signal: AbortSignal): Promise<void> {
    const removed = await Promise.all(
      volume.nodeIds.map((nodeId) => this.#removeOn(nodeId, volume, signal)),
    );
    const remaining = volume.nodeIds.filter((_, index) => removed[index] !== true);
    if (remaining.length === volume.nodeIds.length && remaining.length > 0) return;
    await this.#store.update('dispatcher', (tx) => {
      const now = tx.get('volumes', volume.id);
      if (now?.removing !== true) return;
      const nodeIds = now.nodeIds.filter(
        (id) => remaining.includes(id) || !volume.nodeIds.includes(id),
      );
      if (nodeIds.length === 0) tx.remove('volumes', volume.id);
      else tx.put('volumes', { ...now, nodeIds });
    });
  }

  /** Resolves true if the volume no longer exists on the node, or must not be removed there. */
  async #removeOn(nodeId: NodeId, volume: Volume, signal: AbortSignal): Promise<boolean> {
    if (volume.spec.external || this.#store.view.get('nodes', nodeId) === undefined) return true;
    if (!this.#isConnected(nodeId)) return false;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(removeDeadlineMs)]);
    try {
      await this.#calls.call(nodeId, 'removeVolume', { name: volume.spec.name }, deadline);
      return true;
    } catch (error) {
      this.#log.warn(`cannot remove volume ${volume.spec.name}: ${messageOf(error)}; retrying`, {
        nodeId,
      });
      return false;
    }
  }
}
