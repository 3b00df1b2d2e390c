import type { Clock } from '../common/base/clock.js';
import type { Logger } from '../common/base/log.js';
import { Loop } from '../common/base/loop.js';
import type { Peer } from '../transport/peer.js';
import { changeCluster, clusterRecord } from '../store/cluster-record.js';
import type { ClusterRecord, ClusterStore } from '../store/store.js';

/*
 * Each manager signs with an authority of its own. When one is removed, what it signed while it led is
 * renewed by the others, and then its authority is refused: whoever has its key makes no nodes with it.
 */

/** The record after a manager was heard of with its authority; the same object when that was known. */
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
 * The record after a manager has gone: what it held is on its way to be refused, unless another manager
 * says that it holds it, too. The same object when nothing of it is known.
 */
export function withoutManager(record: ClusterRecord, nodeId: string): ClusterRecord {
  const { [nodeId]: held, ...others } = record.authorities ?? {};
  if (held === undefined) return record;
  const kept = new Set([...Object.values(others).flat(), ...(record.refusedAuthorities ?? [])]);
  const retiring = new Map((record.retiring ?? []).map((each) => [each.authority, each]));
  for (const authority of held) {
    if (!kept.has(authority)) retiring.set(authority, { authority, nodeId });
  }
  return { ...record, authorities: others, retiring: [...retiring.values()] };
}

/** Those on their way out that nobody needs any more: every node is here and shows the certificate of another. */
export function unneeded(
  record: ClusterRecord,
  nodes: readonly string[],
  shown: (nodeId: string) => string | undefined,
): readonly string[] {
  return (record.retiring ?? [])
    .filter(({ authority }) =>
      nodes.every((id) => {
        const its = shown(id);
        return its !== undefined && its !== authority;
      }),
    )
    .map(({ authority }) => authority);
}

/** The record once these are refused. */
export function withRefused(record: ClusterRecord, authorities: readonly string[]): ClusterRecord {
  const refused = new Set([...(record.refusedAuthorities ?? []), ...authorities]);
  const left = (record.retiring ?? []).filter(({ authority }) => !refused.has(authority));
  return { ...record, refusedAuthorities: [...refused].sort(), retiring: left };
}

export interface RetirementParts {
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly self: { readonly nodeId: string; authority(): string };
  readonly workers: {
    peers(): ReadonlyMap<string, Peer>;
    renewOf(authority: string): void;
  };
}

const lookMs = 2_000;

/** Has the authorities of removed managers refused, as soon as that shuts nobody out. */
export class AuthorityRetirement {
  readonly #parts: RetirementParts;
  readonly #loop: Loop;

  constructor(parts: RetirementParts) {
    this.#parts = parts;
    this.#loop = new Loop({
      name: 'authorities of removed managers',
      clock: parts.clock,
      log: parts.log,
      resyncMs: lookMs,
      turn: () => this.#turn(),
    });
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  /** A manager has shown which authority it holds. */
  async heard(nodeId: string, authority: string): Promise<void> {
    const record = clusterRecord(this.#parts.store.view);
    if (withAuthority(record, nodeId, authority) === record) return;
    await this.#change((seen) => withAuthority(seen, nodeId, authority));
  }

  /** A manager was removed, or a node that may have been one. */
  async removed(nodeId: string): Promise<void> {
    if (clusterRecord(this.#parts.store.view).authorities?.[nodeId] === undefined) return;
    await this.#change((seen) => withoutManager(seen, nodeId));
    this.#loop.poke();
  }

  async #turn(): Promise<void> {
    const { self, workers, store, log } = this.#parts;
    await this.heard(self.nodeId, self.authority());
    const record = clusterRecord(store.view);
    if (record.retiring === undefined || record.retiring.length === 0) return;
    const peers = workers.peers();
    const nodes = store.view.list('nodes').map(({ id }) => id);
    const own = self.authority();
    const done = unneeded(record, nodes, (id) => peers.get(id)?.authority).filter(
      (authority) => authority !== own,
    );
    for (const { authority } of record.retiring) {
      if (!done.includes(authority)) workers.renewOf(authority);
    }
    if (done.length === 0) return;
    await this.#change((seen) => withRefused(seen, done));
    for (const id of done) log.info('the authority of a removed manager is refused', { id });
  }

  async #change(change: (record: ClusterRecord) => ClusterRecord): Promise<void> {
    await this.#parts.store.update('control', (tx) => {
      changeCluster(tx, change);
    });
  }
}
