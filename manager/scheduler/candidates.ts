import type { NodeId, ServiceId } from '../common/model/ids.js';
import type { Node } from '../common/model/node.js';
import type { NodeInfo, PlacementView } from '../store/indexes/placement-index.js';
import type { UsedPorts } from '../store/indexes/used-ports.js';
import { wasRejected } from '../store/slots.js';

/** A node with its free resources; updated as tasks are placed within one decision. */
export interface Candidate {
  readonly node: Node;
  /** Place in the order of the nodes' names, then ids. */
  readonly rank: number;
  freeNanoCpus: number;
  freeMemoryBytes: number;
  tasks: number;
  /** Recent failures on the node, of all services. */
  readonly failures: number;
  serviceTasks: ReadonlyMap<ServiceId, number>;
  /** Recent rejections by the node or its engine, by service. */
  readonly refusals: ReadonlyMap<ServiceId, number>;
  ports: UsedPorts;
}

/** Time for which a failure counts against its node, ms. */
const failureMemoryMs = 5 * 60_000;

/** Of a candidate that the next decision reads again: it is changed, or depends on the time. */
const stale = -1;

/**
 * The candidates of all nodes, kept from one decision to the next: a decision builds those of nodes
 * whose tasks have changed since, and all of them after a change of a node itself.
 */
export class CandidateCache {
  #list: readonly Node[] | undefined;
  #nodes: readonly Node[] = [];
  #ranks: ReadonlyMap<NodeId, number> = new Map();
  readonly #candidates: Candidate[] = [];
  /** By rank, the version of the node's info that its candidate shows. */
  #versions: number[] = [];
  #generation = {};

  /** Reads the nodes. `nodes` is the store's list: the same one as long as no node changes. */
  read(nodes: readonly Node[], placement: PlacementView, now: number): readonly Candidate[] {
    if (this.#list !== nodes) this.#readNodes(nodes);
    for (const [rank, node] of this.#nodes.entries()) {
      const info = placement.nodeInfo(node.id) ?? noTasks;
      if (this.#versions[rank] === info.version) continue;
      this.#candidates[rank] = candidateOf(node, rank, { info, now });
      this.#versions[rank] = info.failed.size > 0 ? stale : info.version;
    }
    return this.#candidates;
  }

  /** Identifies the nodes as they are: another object after a change of a node. */
  get generation(): object {
    return this.#generation;
  }

  rankOf(id: NodeId): number | undefined {
    return this.#ranks.get(id);
  }

  /** A decision changes the candidate: the next one reads the node again. */
  markChanged({ rank }: Candidate): void {
    this.#versions[rank] = stale;
  }

  #readNodes(nodes: readonly Node[]): void {
    this.#list = nodes;
    this.#nodes = [...nodes].sort(byName);
    this.#ranks = new Map(this.#nodes.map(({ id }, rank) => [id, rank]));
    this.#candidates.length = 0;
    this.#versions = this.#nodes.map(() => stale);
    this.#generation = {};
  }
}

const noTasks: NodeInfo = {
  ...{ version: 0, nanoCpus: 0, memoryBytes: 0, tasks: 0 },
  ...{ serviceTasks: new Map(), ports: new Map(), failed: new Map() },
};

const noRefusals: ReadonlyMap<ServiceId, number> = new Map();

function candidateOf(
  node: Node,
  rank: number,
  { info, now }: { readonly info: NodeInfo; readonly now: number },
): Candidate {
  const { failed, nanoCpus, memoryBytes, tasks, serviceTasks, ports } = info;
  return {
    node,
    rank,
    freeNanoCpus: node.description.nanoCpus - nanoCpus,
    freeMemoryBytes: node.description.memoryBytes - memoryBytes,
    tasks,
    ...recentFailures(failed, now),
    serviceTasks,
    ports,
  };
}

function recentFailures(
  failed: NodeInfo['failed'],
  now: number,
): Pick<Candidate, 'failures' | 'refusals'> {
  if (failed.size === 0) return { failures: 0, refusals: noRefusals };
  const recent = [...failed.values()].filter(({ status }) => now - status.at < failureMemoryMs);
  const refusals = new Map<ServiceId, number>();
  for (const task of recent)
    if (wasRejected(task)) refusals.set(task.serviceId, (refusals.get(task.serviceId) ?? 0) + 1);
  return { failures: recent.length, refusals };
}

function byName(a: Node, b: Node): number {
  if (a.spec.name !== b.spec.name) return a.spec.name < b.spec.name ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
