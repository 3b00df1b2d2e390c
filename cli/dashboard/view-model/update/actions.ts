import type { Network, Volume } from '../../../../manager/common/model/network.js';
import type { Node } from '../../../../manager/common/model/node.js';
import type { Service } from '../../../../manager/common/model/service.js';
import type { Task } from '../../../../manager/common/model/task.js';
import type { DataInfo } from '../../../../manager/common/protocol/control.js';
import type { ClusterAction, ActionVerb } from './action.js';
import { pluralize, abbreviateNames } from './action.js';
import { projectAction, serviceAction, taskAction } from './service-actions.js';
import type { Row } from '../state/view.js';
import { isActiveTask } from '../views/parts.js';
import type { ListName } from '../views/all.js';
import type { ClusterState } from '../state/cluster-state.js';

/** The action of a verb on rows of a view, or a text why there is none. */
export function actionFor(
  verb: ActionVerb,
  view: ListName,
  rows: readonly Row[],
  world: ClusterState,
): ClusterAction | string {
  if (rows.length === 0) return 'nothing is selected';
  switch (view) {
    case 'services':
    case 'jobs':
      return serviceAction(
        verb,
        rows.map(({ item }) => item as Service),
        world,
      );
    case 'tasks':
      return taskAction(
        verb,
        rows.map(({ item }) => item as Task),
        world,
      );
    case 'projects':
      return projectAction(
        verb,
        rows.map(({ id }) => id),
        world,
      );
    case 'machines':
      return onMachines(
        verb,
        rows.map(({ item }) => item as Node),
        world,
      );
    case 'networks':
      return onNames(
        verb,
        'network',
        rows.map(({ item }) => (item as Network).spec.name),
      );
    case 'volumes':
      return onNames(
        verb,
        'volume',
        rows.map(({ item }) => (item as Volume).spec.name),
      );
    case 'secrets':
    case 'configs':
      return onData(
        verb,
        view === 'secrets' ? 'secret' : 'config',
        rows.map(({ item }) => (item as DataInfo).spec.name),
      );
    default:
      return 'no actions are available in this view';
  }
}

function onData(
  verb: ActionVerb,
  kind: 'secret' | 'config',
  names: readonly string[],
): ClusterAction | string {
  if (verb !== 'remove') return `a ${kind} can only be removed (ctrl-d)`;
  return {
    title: `remove ${kind} ${abbreviateNames(names)}`,
    effect: ['it must not be in use; its content is deleted permanently'],
    requests: names.map((name) =>
      kind === 'secret'
        ? { name: 'secret.remove', args: { name } }
        : { name: 'config.remove', args: { name } },
    ),
    confirm: { word: names.length === 1 ? (names[0] ?? '') : 'remove' },
  };
}

function onMachines(
  verb: ActionVerb,
  nodes: readonly Node[],
  world: ClusterState,
): ClusterAction | string {
  const names = abbreviateNames(nodes.map(({ spec }) => spec.name));
  const tasks = nodes.reduce(
    (sum, { id }) => sum + world.tasksOn(id).filter(isActiveTask).length,
    0,
  );
  switch (verb) {
    case 'drain':
      return {
        title: `drain ${names}`,
        effect: [
          `${pluralize(tasks, 'task')} move to other machines; no new tasks are placed here`,
        ],
        requests: nodes.map(({ id }) => ({
          name: 'node.update',
          args: { node: id, availability: 'drain' },
        })),
        confirm: 'yes',
      };
    case 'activate':
      return {
        title: `activate ${names}`,
        effect: ['it accepts new tasks; running tasks do not move back'],
        requests: nodes.map(({ id }) => ({
          name: 'node.update',
          args: { node: id, availability: 'active' },
        })),
        confirm: 'none',
      };
    case 'remove':
      return {
        title: `remove ${names}`,
        effect: [`${pluralize(tasks, 'task')} move to other machines; its certificate is revoked`],
        requests: nodes.map(({ id }) => ({ name: 'node.remove', args: { node: id, force: true } })),
        confirm: { word: nodes.length === 1 ? (nodes[0]?.spec.name ?? '') : 'remove' },
      };
    default:
      return 'machines can be drained (D), activated (A) or removed (ctrl-d)';
  }
}

function onNames(
  verb: ActionVerb,
  kind: 'network' | 'volume',
  names: readonly string[],
): ClusterAction | string {
  if (verb !== 'remove') return `a ${kind} can only be removed (ctrl-d)`;
  return {
    title: `remove ${kind} ${abbreviateNames(names)}`,
    effect: [kind === 'volume' ? 'its data is deleted permanently' : 'it must not be in use'],
    requests: names.map((name) =>
      kind === 'volume'
        ? { name: 'volume.remove', args: { name, force: false } }
        : { name: 'network.remove', args: { name } },
    ),
    confirm: { word: names.length === 1 ? (names[0] ?? '') : 'remove' },
  };
}
