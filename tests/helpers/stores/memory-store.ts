import type { Clock } from '../../../manager/common/base/clock.js';
import { systemClock } from '../../../manager/common/base/clock.js';
import { silentLogger } from '../fakes/silent-logger.js';
import { MemoryBackend } from './memory-backend.js';
import { openStore } from '../../../manager/store/open-store.js';
import type { ClusterStore } from '../../../manager/store/store.js';

/** The real store over an in-memory backend. */
export function openTestStore(clock: Clock = systemClock): Promise<ClusterStore> {
  return openStore({ backend: new MemoryBackend(), clock, log: silentLogger });
}
