import type { Clock } from '../common/base/clock.js';
import type { Logger } from '../common/base/log.js';
import type { NewId } from '../common/base/random.js';
import type { ClusterStore } from '../store/store.js';
import type { CertificateSigner } from './certificates.js';
import type { KnownManager } from './manager-list.js';
import type { LivenessTiming } from './nodes/node-liveness.js';
import type { Probe } from './nodes/probe.js';

export interface DispatcherOptions {
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: NewId;
  readonly clusterId: string;
  /** Initial list of managers; `setManagers` replaces it. */
  readonly managers: readonly KnownManager[];
  readonly heartbeatMs?: number;
  readonly timing?: LivenessTiming;
  readonly probe?: Probe;
  /** If absent, certificate renewal requests fail as `unsupported`. */
  readonly certificates?: CertificateSigner;
}
