import type { Network, Volume } from '../../../../manager/common/model/network.js';
import type { Node } from '../../../../manager/common/model/node.js';
import type { Service } from '../../../../manager/common/model/service.js';
import type { Task } from '../../../../manager/common/model/task.js';
import type { DataSeen } from '../../../../manager/common/protocol/control.js';
import type { Action, Verb } from './action.js';
import { count, listOf } from './action.js';
import { onProjects, onServices, onTasks } from './service-actions.js';
import type { Row } from '../state/view.js';
import { isLive } from '../views/parts.js';
import type { ListName } from '../views/all.js';
import type { World } from '../state/world.js';

/** The action of a verb on rows of a view, or a text why there is none. */
export function actionFor(
  verb: Verb,
  view: ListName,
  rows: readonly Row[],
  world: World,
): Action | string {
  if (rows.length === 0) return 'nothing is selected';
  switch (view) {
    case 'services':
    case 'jobs':
      return onServices(
        verb,
        rows.map(({ item }) => item as Service),
        world,
      );
    case 'tasks':
      return onTasks(
        verb,
        rows.map(({ item }) => item as Task),
        world,
      );
    case 'projects':
      return onProjects(
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
        rows.map(({ item }) => (item as DataSeen).spec.name),
      );
    default:
      return 'no actions are available in this view';
  }
}

function onData(verb: Verb, kind: 'secret' | 'config', names: readonly string[]): Action | string {
  if (verb !== 'remove') return `a ${kind} can only be removed (ctrl-d)`;
  return {
    title: `remove ${kind} ${listOf(names)}`,
    effect: ['it must not be in use; its content is deleted permanently'],
    requests: names.map((name) =>
      kind === 'secret'
        ? { name: 'secret.remove', args: { name } }
        : { name: 'config.remove', args: { name } },
    ),
    confirm: { word: names.length === 1 ? (names[0] ?? '') : 'remove' },
  };
}

function onMachines(verb: Verb, nodes: readonly Node[], world: World): Action | string {
  const names = listOf(nodes.map(({ spec }) => spec.name));
  const tasks = nodes.reduce((sum, { id }) => sum + world.tasksOn(id).filter(isLive).length, 0);
  switch (verb) {
    case 'drain':
      return {
        title: `drain ${names}`,
        effect: [`${count(tasks, 'task')} move to other machines; no new tasks are placed here`],
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
        effect: [`${count(tasks, 'task')} move to other machines; its certificate is revoked`],
        requests: nodes.map(({ id }) => ({ name: 'node.remove', args: { node: id, force: true } })),
        confirm: { word: nodes.length === 1 ? (nodes[0]?.spec.name ?? '') : 'remove' },
      };
    default:
      return 'machines can be drained (D), activated (A) or removed (ctrl-d)';
  }
}

function onNames(
  verb: Verb,
  kind: 'network' | 'volume',
  names: readonly string[],
): Action | string {
  if (verb !== 'remove') return `a ${kind} can only be removed (ctrl-d)`;
  return {
    title: `remove ${kind} ${listOf(names)}`,
    effect: [kind === 'volume' ? 'its data is deleted permanently' : 'it must not be in use'],
    requests: names.map((name) =>
      kind === 'volume'
        ? { name: 'volume.remove', args: { name, force: false } }
        : { name: 'network.remove', args: { name } },
    ),
    confirm: { word: names.length === 1 ? (names[0] ?? '') : 'remove' },
  };
}
