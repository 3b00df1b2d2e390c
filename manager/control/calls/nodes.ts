import { AppError } from '../../common/base/errors.js';
import type { Node, NodeSpec } from '../../common/model/node.js';
import { isAssigned } from '../../common/model/task-state.js';
import { updateClusterRecord } from '../../store/cluster-record.js';
import type { Transaction } from '../../store/store.js';
import { Args } from '../args.js';
import type { ControlCalls } from '../context.js';
import { findNode } from '../find.js';
import { requireVersion } from '../require-version.js';

const availabilities: readonly NodeSpec['availability'][] = ['active', 'pause', 'drain'];

function readAvailability(args: Args): NodeSpec['availability'] | undefined {
  const text = args.optionalText('availability');
  if (text === undefined) return undefined;
  const found = availabilities.find((each) => each === text);
  if (found !== undefined) return found;
  throw new AppError(
    'invalid',
    `availability "${text}": not supported; use active, pause or drain`,
  );
}

function update(tx: Transaction, args: Args): Node {
  const node = findNode(tx, args.text('node'));
  requireVersion(node, args.count('version'));
  const labels: Record<string, string> = { ...node.spec.labels };
  for (const key of args.texts('labelRemove')) {
    if (!Object.hasOwn(labels, key)) {
      throw new AppError('not-found', `node ${node.spec.name} has no label ${key}`);
    }
    Reflect.deleteProperty(labels, key);
  }
  for (const [key, label] of Object.entries(args.object('labelAdd'))) {
    if (key === '' || typeof label !== 'string') {
      throw new AppError('invalid', `node ${node.spec.name}: label ${key} must be a string`);
    }
    labels[key] = label;
  }
  const { forced: wasForced, ...spec } = node.spec;
  const availability = readAvailability(args) ?? spec.availability;
  const isForced = args.flag('force') || (availability === spec.availability && wasForced === true);
  if (args.flag('force') && availability !== 'drain') {
    throw new AppError('invalid', `node ${spec.name}: force works only with availability drain`);
  }
  return tx.put('nodes', {
    ...node,
    spec: { ...spec, availability, labels, ...(isForced ? { forced: true as const } : {}) },
  });
}

/**
 * Removes the node record and revokes its certificate; the dispatcher cleans up its tasks and
 * leases.
 */
function remove(tx: Transaction, node: Node, force: boolean): void {
  const live = tx.tasksOfNode(node.id).filter((task) => isAssigned(task.status.state));
  if (!force && node.status.state !== 'down' && live.length > 0) {
    throw new AppError(
      'conflict',
      `node ${node.spec.name}: still runs ${live.length} tasks; drain it first or use --force`,
    );
  }
  updateClusterRecord(tx, (cluster) => ({
    ...cluster,
    revoked: [...new Set([...cluster.revoked, node.id])].sort(),
  }));
  tx.remove('nodes', node.id);
}

export const nodeCalls: Pick<ControlCalls, 'node.list' | 'node.update' | 'node.remove'> = {
  'node.list': ({ store }) => Promise.resolve(store.view.list('nodes')),
  'node.update': ({ store }, value) => {
    const args = new Args('node.update', value);
    return store.update('control', (tx) => update(tx, args));
  },
  'node.remove': async ({ store, managers, security }, value) => {
    const args = new Args('node.remove', value);
    const { id, spec } = findNode(store.view, args.text('node'));
    const manager = (await managers.list()).find(({ nodeId }) => nodeId === id);
    if (manager?.alive === true && !args.flag('force')) {
      throw new AppError(
        'conflict',
        `node ${spec.name}: is a manager; run "shoal manager demote ${spec.name}" first or use --force`,
      );
    }
    await store.update('control', (tx) => {
      remove(tx, findNode(tx, id), args.flag('force'));
    });
    // A live manager ends itself and leaves the list; a dead one must be removed from it here.
    if (manager?.alive === false) await managers.forget(id);
    await security?.retireAuthority(id);
    return null;
  },
};
