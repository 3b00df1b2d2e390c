import type { Clock } from '../common/base/clock.js';
import type { Logger } from '../common/base/log.js';
import { ReconcileLoop } from '../common/base/loop.js';
import type { Peer } from '../transport/peer.js';
import { updateClusterRecord, getClusterRecord } from '../store/cluster-record.js';
import type { ClusterRecord, ClusterStore } from '../store/store.js';

/*
 * Each manager signs with its own intermediate CA. After a manager is removed, the certificates it
 * signed are renewed under another CA, then its CA is refused, so its key is useless.
 */

/** Adds a manager's CA to the record. Returns the same object if it is already recorded. */
export function withAuthority(
  record: ClusterRecord,
  nodeId: string,
  authority: string,
): ClusterRecord {
  const known = record.authorities?.[nodeId] ?? [];
  if (known.includes(authority)) return record;
  return { ...record, authorities: { ...record.authorities, [nodeId]: [...known, authority] } };
}

/**
 * Removes a manager from the record and marks its CAs as retiring, unless another manager holds
 * them too. Returns the same object if no CA of the manager is recorded.
 */
export function withRetiredManager(record: ClusterRecord, nodeId: string): ClusterRecord {
  const { [nodeId]: held, ...remaining } = record.authorities ?? {};
  if (held === undefined) return record;
  const kept = new Set([...Object.values(remaining).flat(), ...(record.refusedAuthorities ?? [])]);
  const retiring = new Map((record.retiring ?? []).map((each) => [each.authority, each]));
  for (const authority of held) {
    if (!kept.has(authority)) retiring.set(authority, { authority, nodeId });
  }
  return { ...record, authorities: remaining, retiring: [...retiring.values()] };
}

/**
 * Retiring CAs that no node depends on: every node is connected with a certificate of another CA.
 */
export function unneededAuthorities(
  record: ClusterRecord,
  nodes: readonly string[],
  shown: (nodeId: string) => string | undefined,
): readonly string[] {
  return (record.retiring ?? [])
    .filter(({ authority }) =>
      nodes.every((id) => {
        const current = shown(id);
        return current !== undefined && current !== authority;
      }),
    )
    .map(({ authority }) => authority);
}

/** Adds CAs to the refused list and removes them from the retiring list. */
export function withRefusedAuthorities(
  record: ClusterRecord,
  authorities: readonly string[],
): ClusterRecord {
  const refused = new Set([...(record.refusedAuthorities ?? []), ...authorities]);
  const left = (record.retiring ?? []).filter(({ authority }) => !refused.has(authority));
  return { ...record, refusedAuthorities: [...refused].sort(), retiring: left };
}

export interface RetirementDependencies {
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly self: { readonly nodeId: string; authority(): string };
  readonly workers: {
    peers(): ReadonlyMap<string, Peer>;
    requestRenewals(authority: string): void;
  };
}

const lookMs = 2_000;

/** Refuses the CAs of removed managers once no node's certificate depends on them. */
export class AuthorityRetirement {
  readonly #parts: RetirementDependencies;
  readonly #loop: ReconcileLoop;

  constructor(parts: RetirementDependencies) {
    this.#parts = parts;
    this.#loop = new ReconcileLoop({
      name: 'ca retirement',
      clock: parts.clock,
      log: parts.log,
      resyncMs: lookMs,
      reconcile: () => this.#turn(),
    });
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  /** Records the CA that a manager presented. */
  async recordAuthority(nodeId: string, authority: string): Promise<void> {
    const record = getClusterRecord(this.#parts.store.view);
    if (withAuthority(record, nodeId, authority) === record) return;
    await this.#change((seen) => withAuthority(seen, nodeId, authority));
  }

  /** Starts the retirement after a node was removed; does nothing if it was not a manager. */
  async retireManager(nodeId: string): Promise<void> {
    if (getClusterRecord(this.#parts.store.view).authorities?.[nodeId] === undefined) return;
    await this.#change((seen) => withRetiredManager(seen, nodeId));
    this.#loop.trigger();
  }

  async #turn(): Promise<void> {
    const { self, workers, store, log } = this.#parts;
    await this.recordAuthority(self.nodeId, self.authority());
    const record = getClusterRecord(store.view);
    if (record.retiring === undefined || record.retiring.length === 0) return;
    const peers = workers.peers();
    const nodes = store.view.list('nodes').map(({ id }) => id);
    const own = self.authority();
    const done = unneededAuthorities(record, nodes, (id) => peers.get(id)?.authority).filter(
      (authority) => authority !== own,
    );
    for (const { authority } of record.retiring) {
      if (!done.includes(authority)) workers.requestRenewals(authority);
    }
    if (done.length === 0) return;
    await this.#change((seen) => withRefusedAuthorities(seen, done));
    for (const id of done) log.info('ca of a removed manager is now refused', { id });
  }

  async #change(change: (record: ClusterRecord) => ClusterRecord): Promise<void> {
    await this.#parts.store.update('control', (tx) => {
      updateClusterRecord(tx, change);
    });
  }
}
