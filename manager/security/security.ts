import { setTimeout as delay } from 'node:timers/promises';
import { AppError, messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import { JoinDesk } from '../ca/join.js';
import type { JoinOptions } from '../ca/join.js';
import { AuthorityRetirement } from '../ca/retirement.js';
import { AuthorityRotation } from '../ca/rotation.js';
import type { ClusterSecurity, ManagerDirectory } from '../control/context.js';
import type { ManagerCredentials } from './credentials.js';
import type { WorkerCertificates } from '../dispatcher/certificates.js';
import type { ManagerSettings } from '../settings.js';
import type { KeyRing } from '../store/key-ring.js';

export interface SecurityParts extends Pick<JoinOptions, 'store' | 'clock' | 'log' | 'newId'> {
  readonly settings: ManagerSettings;
  readonly credentials: ManagerCredentials;
  readonly workers: WorkerCertificates;
  readonly ring: KeyRing | undefined;
  readonly directory: ManagerDirectory;
}

/** What a leading manager does about trust: rotation of the authority, join tokens, the sealing key. */
export interface Security extends ClusterSecurity {
  readonly desk: JoinDesk;
  /** A follower has shown the authority it holds. */
  heardOf(nodeId: string, authority: string): void;
  start(): void;
  stop(): Promise<void>;
}

async function resealAll({ store, ring, directory, settings }: SecurityParts): Promise<number> {
  if (ring === undefined) return 0;
  await ring.addKey();
  await allHaveKey(ring, directory, settings.nodeId);
  const sealed = await store.update('control', (tx) => {
    const secrets = tx.list('secrets');
    for (const secret of secrets) tx.put('secrets', secret);
    return secrets.length;
  });
  await ring.keepOnlyCurrent();
  return sealed;
}

/** A manager that leads next must be able to open what is sealed from now on. */
async function allHaveKey(ring: KeyRing, directory: ManagerDirectory, self: string): Promise<void> {
  const deadline = performance.now() + shareMs;
  for (;;) {
    const others = (await directory.list()).filter(({ alive, nodeId }) => alive && nodeId !== self);
    const without = others.filter(({ nodeId }) => !ring.isGivenTo(nodeId));
    if (without.length === 0) return;
    if (performance.now() > deadline) {
      const names = without.map(({ address }) => address).join(', ');
      throw new AppError(
        'unavailable',
        `no new key is used yet: manager ${names} did not take it; run it again when that one is well`,
      );
    }
    await delay(100);
  }
}

const shareMs = 15_000;

/** What fails here is tried again by nobody: it is logged. */
function retiring(
  retirement: AuthorityRetirement,
  log: Logger,
): Pick<Security, 'heardOf' | 'retireAuthority'> {
  return {
    heardOf: (nodeId, authority) => {
      retirement.heard(nodeId, authority).catch((error: unknown) => {
        log.warn(`authority of manager ${nodeId} is not noted: ${messageOf(error)}`);
      });
    },
    retireAuthority: async (nodeId) => {
      // A manager that removes itself may not come to it: the node is gone all the same.
      await retirement.removed(nodeId).catch((error: unknown) => {
        log.warn(`authority of manager ${nodeId} is not retired: ${messageOf(error)}`);
      });
    },
  };
}

/** Undefined on a manager that holds no authority: nothing of this can be done there. */
export function openSecurity(parts: SecurityParts): Security | undefined {
  const { settings, credentials, store, workers, ring, directory } = parts;
  const { intermediate } = settings.pki;
  if (intermediate === undefined) return undefined;
  const rotation = new AuthorityRotation({
    ...parts,
    paths: intermediate,
    ca: credentials.ca,
    workers,
    manager: {
      name: settings.advertise,
      authority: () => credentials.authority,
      useAuthority: (authority) => {
        credentials.useAuthority(authority);
      },
      signer: () => credentials.signer,
      renewNow: () => {
        credentials.renewNow();
      },
    },
  });
  const retirement = new AuthorityRetirement({
    ...parts,
    workers,
    self: { nodeId: settings.nodeId, authority: () => credentials.authority.id },
  });
  const desk = new JoinDesk({
    ...parts,
    clusterId: settings.clusterId,
    clusterName: settings.clusterName,
    managers: async () => (await directory.list()).map(({ address }) => address),
    ca: credentials.ca,
    sign: (order) =>
      credentials.sign(order, store.view.get('cluster', 'cluster')?.certificateLifetimeMs),
  });
  return {
    desk,
    start: () => {
      rotation.start();
      retirement.start();
    },
    stop: async () => {
      await rotation.stop();
      await retirement.stop();
    },
    ...retiring(retirement, parts.log),
    status: () => ({
      ...rotation.status(),
      ...(ring === undefined ? {} : { sealingKey: ring.current.id }),
    }),
    requestAuthority: () => rotation.request(),
    installAuthority: (certificate) => rotation.install(certificate),
    finishRotation: (force) => rotation.finish(force),
    rotateKey: () => resealAll(parts),
    createToken: (order) => desk.create(order),
    rotateToken: (id) => desk.rotate(id),
  };
}
