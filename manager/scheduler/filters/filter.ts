import type { Demand } from '../demand.js';
import type { Candidate } from '../candidates.js';

/** Reason why a node is not suitable; equal reasons are counted over nodes. */
export interface Refusal {
  /** `insufficient memory on 3 nodes`, `2 nodes are down`. */
  readonly count: (nodes: number) => string;
  /** Completes `volume data is on node-3, which …`. */
  readonly predicate: string;
  /**
   * Shown where nodes are listed: `2 GiB requested`, `512 MiB free`. Called for the few nodes that
   * an explanation names.
   */
  readonly amounts?: () => { readonly requested: string; readonly free: string };
}

export interface NodeFilter {
  /** Returns undefined if the node is suitable. */
  readonly check: (demand: Demand, candidate: Candidate) => Refusal | undefined;
}

export function reasonOnNodes(what: string, which = `has ${what}`): Refusal {
  return { count: (nodes) => `${what} on ${nodeCount(nodes)}`, predicate: which };
}

export function nodesAre(condition: string): Refusal {
  return {
    count: (nodes) => `${nodeCount(nodes)} ${nodes === 1 ? 'is' : 'are'} ${condition}`,
    predicate: `is ${condition}`,
  };
}

export function nodeCount(nodes: number): string {
  return nodes === 1 ? '1 node' : `${String(nodes)} nodes`;
}
