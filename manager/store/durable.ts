import type { Network } from '../common/model/network.js';
import type { Node } from '../common/model/node.js';
import type { Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';
import type { DurableWrite } from './backend.js';
import type { StoreChange } from './store.js';

/*
 * Decisions are persisted, observations are not: workers report them again to the next leader.
 * Observations are a running task's status, its scheduling explanation, a node's status and the
 * nodes that a network is left on. A task's terminal status counts as a decision, because workers report it only once.
 */

const observedTaskFields = new Set(['status', 'explanation', 'version', 'updatedAt']);
const observedNodeFields = new Set(['status', 'version', 'updatedAt']);
const observedNetworkFields = new Set(['leftOn', 'version', 'updatedAt']);

/**
 * Whether any other field differs. Compares by identity: a writer that spreads the old object keeps
 * its fields; a rebuilt equal field causes a redundant write, never a missing one.
 */
function differOutside(before: object, after: object, observed: ReadonlySet<string>): boolean {
  const old = before as Readonly<Record<string, unknown>>;
  const now = after as Readonly<Record<string, unknown>>;
  const keys = new Set([...Object.keys(old), ...Object.keys(now)]);
  return [...keys].some((key) => !observed.has(key) && old[key] !== now[key]);
}

function isTaskDecision(before: Task, after: Task): boolean {
  const state = after.status.state;
  if (isTerminal(state) && before.status !== after.status) return true;
  if (state !== before.status.state && (state === 'pending' || state === 'assigned')) return true;
  return differOutside(before, after, observedTaskFields);
}

function isNodeDecision(before: Node, after: Node): boolean {
  return differOutside(before, after, observedNodeFields);
}

function isNetworkDecision(before: Network, after: Network): boolean {
  return differOutside(before, after, observedNetworkFields);
}

/** Returns the durable write for a change; undefined for an observation. */
export function toDurableWrite(change: StoreChange): DurableWrite | undefined {
  const { table, id, before, after } = change;
  if (before !== undefined && after !== undefined) {
    if (table === 'tasks' && !isTaskDecision(before, after)) return undefined;
    if (table === 'nodes' && !isNodeDecision(before, after)) return undefined;
    if (table === 'networks' && !isNetworkDecision(before, after)) return undefined;
  }
  return { table, id, value: after };
}
