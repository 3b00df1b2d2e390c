import { setTimeout as delay } from 'node:timers/promises';
import { AppError, messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import { JoinService } from '../ca/join.js';
import type { JoinOptions } from '../ca/join.js';
import { AuthorityRetirement } from '../ca/retirement.js';
import { AuthorityRotation } from '../ca/rotation.js';
import type { ClusterSecurity, ManagerDirectory } from '../control/context.js';
import type { ManagerCredentials } from './credentials.js';
import type { WorkerCertificates } from '../dispatcher/certificates.js';
import type { ManagerSettings } from '../common/settings/manager-settings.js';
import type { KeyRing } from '../store/key-ring.js';
import type { ClusterStore, Tables, Transaction } from '../store/store.js';

export interface SecurityDependencies extends Pick<
  JoinOptions,
  'store' | 'clock' | 'log' | 'newId'
> {
  readonly settings: ManagerSettings;
  readonly credentials: ManagerCredentials;
  readonly workers: WorkerCertificates;
  readonly ring: KeyRing | undefined;
  readonly directory: ManagerDirectory;
}

/** Security functions of the leader: CA rotation and retirement, join tokens, the sealing key. */
export interface Security extends ClusterSecurity {
  readonly joinService: JoinService;
  /** Records the intermediate CA that a follower presented. */
  recordAuthority(nodeId: string, authority: string): void;
  start(): void;
  stop(): Promise<void>;
}

async function resealAll({
  store,
  ring,
  directory,
  settings,
}: SecurityDependencies): Promise<number> {
  if (ring === undefined) return 0;
  await ring.addKey();
  await waitForKeyShare(ring, directory, settings.nodeId);
  const sealed = await rewriteAll(store);
  await ring.keepOnlyCurrent();
  return sealed;
}

const rewriteBatch = 500;

/** Writes every object with sealed values again; returns their number. */
async function rewriteAll(store: ClusterStore): Promise<number> {
  const { view } = store;
  const rewrites = [
    ...view.list('secrets').map(({ id }) => rewriteOf('secrets', id)),
    ...view.list('configs').map(({ id }) => rewriteOf('configs', id)),
    ...view.list('services').map(({ id }) => rewriteOf('services', id)),
    ...view.list('tasks').map(({ id }) => (tx: Transaction): void => {
      const task = tx.get('tasks', id);
      // The new object makes the write durable: an equal task would count as an observation.
      if (task !== undefined) tx.put('tasks', { ...task, spec: { ...task.spec } });
    }),
  ];
  for (let from = 0; from < rewrites.length; from += rewriteBatch) {
    await store.update('control', (tx) => {
      for (const rewrite of rewrites.slice(from, from + rewriteBatch)) rewrite(tx);
    });
  }
  return rewrites.length;
}

function rewriteOf<Name extends 'secrets' | 'configs' | 'services'>(
  table: Name,
  id: Tables[Name]['id'],
): (tx: Transaction) => void {
  return (tx) => {
    const object = tx.get(table, id);
    if (object !== undefined) tx.put(table, object);
  };
}

/**
 * Waits until all live managers have the new key: any of them may lead next and must open the
 * store.
 */
async function waitForKeyShare(
  ring: KeyRing,
  directory: ManagerDirectory,
  self: string,
): Promise<void> {
  const deadline = performance.now() + keyShareTimeoutMs;
  for (;;) {
    const followers = (await directory.list()).filter(
      ({ alive, nodeId }) => alive && nodeId !== self,
    );
    const missing = followers.filter(({ nodeId }) => !ring.hasCurrentKey(nodeId));
    if (missing.length === 0) return;
    if (performance.now() > deadline) {
      const names = missing.map(({ address }) => address).join(', ');
      throw new AppError(
        'unavailable',
        `sealing key: not rotated, manager ${names} did not fetch the new key; retry when it is reachable`,
      );
    }
    await delay(100);
  }
}

const keyShareTimeoutMs = 15_000;

/** Retirement hooks; failures are logged, not retried. */
function retirementHooks(
  retirement: AuthorityRetirement,
  log: Logger,
): Pick<Security, 'recordAuthority' | 'retireAuthority'> {
  return {
    recordAuthority: (nodeId, authority) => {
      retirement.recordAuthority(nodeId, authority).catch((error: unknown) => {
        log.warn(`ca of manager ${nodeId}: cannot be recorded: ${messageOf(error)}`);
      });
    },
    retireAuthority: async (nodeId) => {
      // A manager that removes its own node may fail here; the node is removed anyway.
      await retirement.retireManager(nodeId).catch((error: unknown) => {
        log.warn(`ca of manager ${nodeId}: cannot be retired: ${messageOf(error)}`);
      });
    },
  };
}

/** Signs the request of a client; the certificate says nothing about its rights. */
function clientSigner({
  credentials,
  settings,
}: Pick<SecurityDependencies, 'credentials' | 'settings'>): Security['signClient'] {
  const { clusterId } = settings;
  return (nodeId, request, lifetimeMs) =>
    credentials.sign({ request, identity: { clusterId, role: 'user', nodeId } }, lifetimeMs);
}

/** Returns undefined on a manager without an intermediate CA. */
export function openSecurity(parts: SecurityDependencies): Security | undefined {
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
  const lifetimeMs = (): number | undefined =>
    store.view.get('cluster', 'cluster')?.certificateLifetimeMs;
  const desk = new JoinService({
    ...parts,
    clusterId: settings.clusterId,
    clusterName: settings.clusterName,
    managers: async () => (await directory.list()).map(({ address }) => address),
    ca: credentials.ca,
    sign: (order) => credentials.sign(order, lifetimeMs()),
  });
  return {
    joinService: desk,
    start: () => {
      rotation.start();
      retirement.start();
    },
    stop: async () => {
      await rotation.stop();
      await retirement.stop();
    },
    ...retirementHooks(retirement, parts.log),
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
    signClient: clientSigner(parts),
  };
}
