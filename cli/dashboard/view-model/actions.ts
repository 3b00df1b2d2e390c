import type { Network, Volume } from '../../../manager/model/network.js';
import type { Node } from '../../../manager/model/node.js';
import type { Service } from '../../../manager/model/service.js';
import type { Task } from '../../../manager/model/task.js';
import type {
  ControlCallMap,
  ControlCallName,
  DataSeen,
} from '../../../manager/protocol/control.js';
import type { Row } from './view.js';
import { countsOf, isLive } from './views/parts.js';
import type { ListName } from './views/all.js';
import type { World } from './world.js';
import { grouped } from './world.js';

export type Verb =
  'scaleUp' | 'scaleDown' | 'restart' | 'stop' | 'start' | 'kill' | 'remove' | 'drain' | 'activate';

/** One call to the manager. */
export type Request = {
  [Name in ControlCallName]: { readonly name: Name; readonly args: ControlCallMap[Name]['args'] };
}[ControlCallName];

/** Something that changes the cluster: what is said before it, and the calls that do it. */
export interface Action {
  readonly title: string;
  /** What will happen, in numbers; one line each. */
  readonly effect: readonly string[];
  readonly requests: readonly Request[];
  /** Asked for: not at all, a yes, or this word. */
  readonly confirm: 'none' | 'yes' | { readonly word: string };
}

/** The action of a verb on these rows; a text says why there is none. */
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
      return 'nothing can be done to these';
  }
}

function onData(verb: Verb, kind: 'secret' | 'config', names: readonly string[]): Action | string {
  if (verb !== 'remove') return `a ${kind} can only be removed (ctrl-d)`;
  return {
    title: `remove ${kind} ${listOf(names)}`,
    effect: ['no service may use it; its content is gone for good'],
    requests: names.map((name) =>
      kind === 'secret'
        ? { name: 'secret.remove', args: { name } }
        : { name: 'config.remove', args: { name } },
    ),
    confirm: { word: names.length === 1 ? (names[0] ?? '') : 'remove' },
  };
}

export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

const labelOf = ({ spec }: Service): string => `${spec.project}/${spec.service}`;

function listOf(names: readonly string[]): string {
  return names.length <= 3
    ? names.join(', ')
    : `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`;
}

/** Services by project, as the calls want them. */
function byProject(
  services: readonly Service[],
): readonly (readonly [string, readonly string[]])[] {
  const projects = new Map<string, string[]>();
  for (const { spec } of services) {
    const known = projects.get(spec.project) ?? [];
    projects.set(spec.project, [...known, spec.service]);
  }
  return [...projects];
}

function onServices(verb: Verb, services: readonly Service[], world: World): Action | string {
  const names = listOf(services.map(labelOf));
  const running = services.reduce((sum, item) => sum + countsOf(world, item).running, 0);
  const containers = count(running, 'container');
  const projects = byProject(services);
  switch (verb) {
    case 'scaleUp':
    case 'scaleDown':
      return scale(services, verb === 'scaleUp' ? 1 : -1);
    case 'restart':
      return {
        title: `restart ${names}`,
        effect: [`${containers} restart in place, all at once`],
        requests: projects.map(([project, keys]) => ({
          name: 'service.restart',
          args: { project, services: keys },
        })),
        confirm: 'yes',
      };
    case 'stop':
    case 'start':
      return {
        title: `${verb} ${names}`,
        effect:
          verb === 'stop'
            ? [`${containers} stop; they keep their place and data`]
            : ['their containers start again where they were'],
        requests: projects.map(([project, keys]) => ({
          name: 'service.halt',
          args: { project, services: keys, halted: verb === 'stop' },
        })),
        confirm: verb === 'stop' ? 'yes' : 'none',
      };
    case 'kill':
      return {
        title: `kill ${names}`,
        effect: [`${containers} get SIGKILL and lose what they have not written`],
        requests: projects.map(([project, keys]) => ({
          name: 'service.kill',
          args: { project, services: keys, signal: 'SIGKILL' },
        })),
        confirm: 'yes',
      };
    case 'remove':
      return {
        title: `remove ${names}`,
        effect: [`${containers} stop and are removed; named volumes stay`],
        requests: projects.map(([project, keys]) => ({
          name: 'project.remove',
          args: { project, services: keys, volumes: false },
        })),
        confirm: { word: services.length === 1 ? (services[0]?.spec.service ?? '') : 'remove' },
      };
    default:
      return 'services are not drained: go to a machine';
  }
}

function scale(services: readonly Service[], step: 1 | -1): Action | string {
  const scaled = services.flatMap(({ spec }) => {
    if (spec.mode.kind !== 'replicated') return [];
    const to = spec.mode.replicas + step;
    return to < 0 ? [] : [{ spec, from: spec.mode.replicas, to }];
  });
  if (scaled.length === 0) {
    return step > 0 ? 'global services are not scaled' : 'there is nothing to scale down';
  }
  const effect = scaled.map(
    ({ spec, from, to }) => `${spec.project}/${spec.service}: ${from} to ${count(to, 'replica')}`,
  );
  return {
    title: `scale ${effect.join(', ')}`,
    effect,
    requests: scaled.map(({ spec, to }) => ({
      name: 'service.scale',
      args: { project: spec.project, replicas: { [spec.service]: to } },
    })),
    confirm: step < 0 && scaled.some(({ to }) => to === 0) ? 'yes' : 'none',
  };
}

/** Restart, stop and kill are for these tasks alone; what changes how many there are is for their service. */
function onTasks(verb: Verb, tasks: readonly Task[], world: World): Action | string {
  const ids = [...new Set(tasks.map(({ serviceId }) => serviceId as string))];
  const services = ids.flatMap((id) => world.services.get(id) ?? []);
  if (services.length === 0) return 'the service of this task is gone';
  const names = listOf(tasks.map(({ containerName }) => containerName));
  switch (verb) {
    case 'restart':
    case 'stop':
    case 'kill':
      return onTheseTasks(verb, tasks, names);
    case 'remove':
      return 'a task is replaced when it goes: scale its service (-), or remove that';
    case 'drain':
    case 'activate':
      return 'tasks are not drained: go to a machine';
    default: {
      const action = onServices(verb, services, world);
      if (typeof action === 'string') return action;
      const of = `${names} of ${listOf(services.map(labelOf))}`;
      return { ...action, effect: [of, ...action.effect] };
    }
  }
}

function onTheseTasks(
  verb: 'restart' | 'stop' | 'kill',
  tasks: readonly Task[],
  names: string,
): Action | string {
  const running = tasks.filter(({ status }) => status.state === 'running');
  if (running.length === 0) return 'none of these runs';
  const words = {
    restart: 'restarts where it is; others of its service go on',
    stop: 'gets its stop signal and stays stopped until it is restarted',
    kill: 'gets SIGKILL and loses what it has not written',
  };
  const groups = [...grouped(running, (task) => `${task.project}/${task.service}`).values()];
  const requests = groups.flatMap((group): Request[] => {
    const [first] = group;
    if (first === undefined) return [];
    const { project, service } = first;
    const args = { project, services: [service], taskIds: group.map(({ id }) => id) };
    if (verb === 'restart') return [{ name: 'service.restart', args }];
    const signal = verb === 'kill' ? 'SIGKILL' : (first.spec.container.stopSignal ?? 'SIGTERM');
    return [{ name: 'service.kill', args: { ...args, signal } }];
  });
  const effect = running.length === 1 ? words[verb] : `each of ${running.length} ${words[verb]}`;
  return { title: `${verb} ${names}`, effect: [effect], requests, confirm: 'yes' };
}

function onProjects(verb: Verb, names: readonly string[], world: World): Action | string {
  const services = [...world.services.values()].filter(({ spec }) => names.includes(spec.project));
  if (verb === 'scaleUp' || verb === 'scaleDown') return 'a project is not scaled: enter it';
  if (verb !== 'remove') {
    const action = onServices(verb, services, world);
    return typeof action === 'string'
      ? action
      : { ...action, title: `${verb} project ${listOf(names)}` };
  }
  const running = services.reduce((sum, item) => sum + countsOf(world, item).running, 0);
  const nets = [...world.networks.values()].filter(({ spec }) => names.includes(spec.project));
  return {
    title: `down ${listOf(names)}`,
    effect: [
      `${count(services.length, 'service')} with ${count(running, 'container')} and ${count(nets.length, 'network')} are removed`,
      'named volumes stay',
    ],
    requests: names.map((project) => ({
      name: 'project.remove',
      args: { project, volumes: false },
    })),
    confirm: { word: names.length === 1 ? (names[0] ?? '') : 'down' },
  };
}

function onMachines(verb: Verb, nodes: readonly Node[], world: World): Action | string {
  const names = listOf(nodes.map(({ spec }) => spec.name));
  const tasks = nodes.reduce((sum, { id }) => sum + world.tasksOn(id).filter(isLive).length, 0);
  switch (verb) {
    case 'drain':
      return {
        title: `drain ${names}`,
        effect: [`${count(tasks, 'task')} move to other machines; no new ones come`],
        requests: nodes.map(({ id }) => ({
          name: 'node.update',
          args: { node: id, availability: 'drain' },
        })),
        confirm: 'yes',
      };
    case 'activate':
      return {
        title: `activate ${names}`,
        effect: ['it takes tasks again; none move back by themselves'],
        requests: nodes.map(({ id }) => ({
          name: 'node.update',
          args: { node: id, availability: 'active' },
        })),
        confirm: 'none',
      };
    case 'remove':
      return {
        title: `forget ${names}`,
        effect: [
          `${count(tasks, 'task')} of it are made elsewhere; its certificate is refused from now on`,
        ],
        requests: nodes.map(({ id }) => ({ name: 'node.remove', args: { node: id, force: true } })),
        confirm: { word: nodes.length === 1 ? (nodes[0]?.spec.name ?? '') : 'forget' },
      };
    default:
      return 'machines are drained (D), activated (A) or forgotten (ctrl-d)';
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
    effect: [kind === 'volume' ? 'its data is gone for good' : 'it must not be in use'],
    requests: names.map((name) =>
      kind === 'volume'
        ? { name: 'volume.remove', args: { name, force: false } }
        : { name: 'network.remove', args: { name } },
    ),
    confirm: { word: names.length === 1 ? (names[0] ?? '') : 'remove' },
  };
}
