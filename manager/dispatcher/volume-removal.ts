import type { Clock } from '../common/base/clock.js';
import { withDeadline } from '../common/base/cancellation.js';
import { AppError, messageOf } from '../common/base/errors.js';
import { KeyedLoop } from '../common/base/keyed-loop.js';
import type { Logger } from '../common/base/log.js';
import type { NodeId, VolumeId } from '../common/model/ids.js';
import type { Volume } from '../common/model/network.js';
import type { WorkerCalls } from '../common/protocol/worker-calls.js';
import type { ClusterStore, Commit, StoreView } from '../store/store.js';

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

function mayAllowRemoval({ table, after }: Commit['changes'][number]): boolean {
  return table === 'volumes' || (table === 'tasks' && after === undefined);
}

/**
 * Removes volumes from every node that has them, then their record. Waits for disconnected nodes.
 */
export class VolumeRemoval {
  readonly #store: ClusterStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #calls: WorkerCalls;
  readonly #isConnected: (nodeId: NodeId) => boolean;
  readonly #loop: KeyedLoop<VolumeId, Commit>;

  constructor(options: {
    readonly store: ClusterStore;
    readonly clock: Clock;
    readonly log: Logger;
    readonly calls: WorkerCalls;
    readonly isConnected: (nodeId: NodeId) => boolean;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#calls = options.calls;
    this.#isConnected = options.isConnected;
    const keys = (): readonly VolumeId[] => removableVolumes(this.#store.view).map(({ id }) => id);
    this.#loop = new KeyedLoop<VolumeId, Commit>({
      name: 'volume removal',
      clock: options.clock,
      log: options.log,
      debounceMs: 20,
      feed: {
        source: options.store,
        affected: ({ changes }) => (changes.some(mayAllowRemoval) ? keys() : []),
      },
      resync: { everyMs: 5_000, keys },
      reconcile: (ids, signal) => this.#turn(ids, signal),
    });
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  async #turn(ids: ReadonlySet<VolumeId>, signal: AbortSignal): Promise<void> {
    const volumes = removableVolumes(this.#store.view).filter(({ id }) => ids.has(id));
    await Promise.all(volumes.map((volume) => this.#remove(volume, signal)));
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
    const { name } = volume.spec;
    const late = (): AppError => new AppError('timeout', 'its node did not answer in time');
    const deadline = { clock: this.#clock, limitMs: removeDeadlineMs, signal, late };
    try {
      await withDeadline(deadline, (limited) =>
        this.#calls.call(nodeId, 'removeVolume', { name }, limited),
      );
      return true;
    } catch (error) {
      this.#log.warn(`cannot remove volume ${name}: ${messageOf(error)}; retrying`, {
        nodeId,
      });
      return false;
    }
  }
}
