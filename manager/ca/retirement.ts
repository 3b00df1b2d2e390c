import { getClusterRecord } from '../store/cluster-record.js';
import type { AuthorityLoopDependencies } from './authority-loop.js';
import { AuthorityLoop } from './authority-loop.js';
import {
  unneededAuthorities,
  withAuthority,
  withRefusedAuthorities,
  withRetiredManager,
} from './authority-record.js';

/*
 * Each manager signs with its own intermediate CA. After a manager is removed, the certificates it
 * signed are renewed under another CA, then its CA is refused, so its key is useless.
 */

export interface RetirementDependencies extends AuthorityLoopDependencies {
  readonly self: { readonly nodeId: string; authority(): string };
}

/** Refuses the CAs of removed managers once no node's certificate depends on them. */
export class AuthorityRetirement {
  readonly #parts: RetirementDependencies;
  readonly #loop: AuthorityLoop;

  constructor(parts: RetirementDependencies) {
    this.#parts = parts;
    this.#loop = new AuthorityLoop(parts, {
      name: 'ca retirement',
      // This manager's own CA is among them: it changes with each rotation and is recorded.
      authorities: ({ retiring = [] }) => [
        parts.self.authority(),
        ...retiring.map(({ authority }) => authority),
      ],
      replace: (authority) => this.#replace(authority),
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
    await this.#loop.change((seen) => withAuthority(seen, nodeId, authority));
  }

  /** Starts the retirement after a node was removed; does nothing if it was not a manager. */
  async retireManager(nodeId: string): Promise<void> {
    if (getClusterRecord(this.#parts.store.view).authorities?.[nodeId] === undefined) return;
    await this.#loop.change((seen) => withRetiredManager(seen, nodeId));
  }

  async #replace(authority: string): Promise<'in-use' | 'unused'> {
    const { self, workers, store, log } = this.#parts;
    const own = self.authority();
    if (authority === own) await this.recordAuthority(self.nodeId, own);
    const record = getClusterRecord(store.view);
    if (record.retiring?.some((each) => each.authority === authority) !== true) return 'unused';
    const peers = workers.peers();
    const nodes = store.view.list('nodes').map(({ id }) => id);
    const unneeded = unneededAuthorities(record, nodes, (id) => peers.get(id)?.authority);
    if (authority === own || !unneeded.includes(authority)) return 'in-use';
    await this.#loop.change((seen) => withRefusedAuthorities(seen, [authority]));
    log.info('ca of a removed manager is now refused', { id: authority });
    return 'unused';
  }
}
