import type { Node } from '../common/model/node.js';
import type { Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';
import type { DurableWrite } from './backend.js';
import type { StoreChange } from './store.js';

/*
 * Decisions go to disk, observations do not: workers report them again to the next leader. What a
 * running task's status, its scheduler's remarks and a node's status say is observation. The last
 * status of a task is a decision in this sense, because nobody reports it twice.
 */

const observedOfTask = new Set(['status', 'explanation', 'version', 'updatedAt']);
const observedOfNode = new Set(['status', 'version', 'updatedAt']);

/**
 * Fields are compared by identity: a writer that spreads the old object keeps it, and one that rebuilt
 * an equal field costs a write too many, never one too few.
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
  return differOutside(before, after, observedOfTask);
}

function isNodeDecision(before: Node, after: Node): boolean {
  return differOutside(before, after, observedOfNode);
}

/** The write a change needs on disk; undefined when it only observes. */
export function durableWrite(change: StoreChange): DurableWrite | undefined {
  const { table, id, before, after } = change;
  if (before !== undefined && after !== undefined) {
    if (table === 'tasks' && !isTaskDecision(before, after)) return undefined;
    if (table === 'nodes' && !isNodeDecision(before, after)) return undefined;
  }
  return { table, id, value: after };
}
