import { aService, aVolume } from '../../../fixtures/cluster/build.js';
import { silentLogger } from '../fakes/silent-logger.js';
import { systemClock } from '../../../manager/common/base/clock.js';
import type { StoreBackend, DurableWrite } from '../../../manager/store/backend.js';
import { MemoryBackend } from './memory-backend.js';
import { openStore } from '../../../manager/store/open-store.js';
import type { ClusterStore } from '../../../manager/store/store.js';

export const service = aService('web', { replicas: 1 });

/** The origin of an audited change. */
export const who = { who: 'ada', role: 'client', action: 'volume.create' } as const;

/** Backend whose commits fail on demand. */
export class FailingBackend implements StoreBackend {
  readonly name = 'failing';
  readonly disk = new MemoryBackend();
  fails = false;
  load(): ReturnType<StoreBackend['load']> {
    return this.disk.load();
  }
  commit(writes: readonly DurableWrite[]): Promise<void> {
    return this.fails ? Promise.reject(new Error('disk is full')) : this.disk.commit(writes);
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

export function open(backend: StoreBackend, clock = systemClock): Promise<ClusterStore> {
  return openStore({ backend, clock, log: silentLogger });
}

export const volume = (name: string) => ({ ...aVolume(name), id: `v-${name}` as never });
