import type { Service, UpdateConfig } from '../../../../manager/common/model/service.js';
import type { Task } from '../../../../manager/common/model/task.js';
import type { ClusterAction, ActionRequest, ActionVerb } from './action.js';
import { pluralize, serviceTitle, abbreviateNames } from './action.js';
import { replicaCounts } from '../views/parts.js';
import type { ClusterState } from '../state/cluster-state.js';
import { grouped } from '../state/cluster-state.js';

/** Groups service names by project, the form of the calls' arguments. */
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

/** The action of a verb on services, or a text why there is none. */
export function serviceAction(
  verb: ActionVerb,
  services: readonly Service[],
  world: ClusterState,
): ClusterAction | string {
  const names = abbreviateNames(services.map(serviceTitle));
  const running = services.reduce((sum, item) => sum + replicaCounts(world, item).running, 0);
  const containers = pluralize(running, 'container');
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
    case 'roll':
      return roll(services, running);
    case 'rollBack':
      return rollBack(services);
    case 'stop':
    case 'start':
      return {
        title: `${verb} ${names}`,
        effect:
          verb === 'stop'
            ? [`${containers} stop; they keep their machine and data`]
            : ['their containers start again on the same machines'],
        requests: projects.map(([project, keys]) => ({
          name: 'service.halt',
          args: { project, services: keys, halted: verb === 'stop' },
        })),
        confirm: verb === 'stop' ? 'yes' : 'none',
      };
    case 'kill':
      return kill(services, containers);
    case 'remove':
      return remove(services, containers);
    default:
      return 'services cannot be drained; select a machine';
  }
}

function kill(services: readonly Service[], containers: string): ClusterAction {
  const names = abbreviateNames(services.map(serviceTitle));
  const projects = byProject(services);
  return {
    title: `kill ${names}`,
    effect: [`${containers} get SIGKILL and lose unsaved data`],
    requests: projects.map(([project, keys]) => ({
      name: 'service.kill',
      args: { project, services: keys, signal: 'SIGKILL' },
    })),
    confirm: 'yes',
  };
}

function remove(services: readonly Service[], containers: string): ClusterAction {
  const names = abbreviateNames(services.map(serviceTitle));
  const projects = byProject(services);
  return {
    title: `remove ${names}`,
    effect: [`${containers} stop and are removed; named volumes stay`],
    requests: projects.map(([project, keys]) => ({
      name: 'project.remove',
      args: { project, services: keys, volumes: false },
    })),
    confirm: { word: services.length === 1 ? (services[0]?.spec.service ?? '') : 'remove' },
  };
}

/** The parallelism of an update as text. */
function paceText(config: UpdateConfig | undefined): string {
  const { parallelism } = config ?? { parallelism: 1 };
  return parallelism === 0 ? 'all at once' : `${parallelism} at a time`;
}

function roll(services: readonly Service[], running: number): ClusterAction {
  const [only] = services;
  const pace =
    services.length === 1 ? paceText(only?.spec.update) : 'each service by its update_config';
  return {
    title: `roll ${abbreviateNames(services.map(serviceTitle))}`,
    effect: [
      `${pluralize(running, 'container')} are replaced by new ones of the same spec, ${pace}`,
    ],
    requests: byProject(services).map(([project, keys]) => ({
      name: 'service.roll',
      args: { project, services: keys },
    })),
    confirm: 'yes',
  };
}

function rollBack(services: readonly Service[]): ClusterAction | string {
  const without = services.find(({ previousSpec }) => previousSpec === undefined);
  if (without !== undefined) return `${serviceTitle(without)} has no previous spec`;
  return {
    title: `roll back ${abbreviateNames(services.map(serviceTitle))}`,
    effect: services.map((service) => `${serviceTitle(service)}: ${rollBackText(service)}`),
    requests: byProject(services).map(([project, keys]) => ({
      name: 'service.rollback',
      args: { project, services: keys },
    })),
    confirm: 'yes',
  };
}

/** The effect of a rollback in one line. */
function rollBackText({ spec, previousSpec }: Service): string {
  const [now, before] = [spec.task.container.image, previousSpec?.task.container.image ?? ''];
  const pace = paceText(previousSpec?.rollback);
  return now === before
    ? `to the previous spec, ${pace} (h shows the changes)`
    : `${now} back to ${before}, ${pace}`;
}

function scale(services: readonly Service[], step: 1 | -1): ClusterAction | string {
  const scaled = services.flatMap(({ spec }) => {
    if (spec.mode.kind !== 'replicated') return [];
    const to = spec.mode.replicas + step;
    return to < 0 ? [] : [{ spec, from: spec.mode.replicas, to }];
  });
  if (scaled.length === 0) {
    return step > 0 ? 'global services cannot be scaled' : 'no service has replicas to remove';
  }
  const effect = scaled.map(
    ({ spec, from, to }) =>
      `${spec.project}/${spec.service}: ${from} to ${pluralize(to, 'replica')}`,
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

/**
 * The action of a verb on tasks, or a text why there is none. Restart, stop and kill apply to these
 * tasks only; other verbs apply to their services.
 */
export function taskAction(
  verb: ActionVerb,
  tasks: readonly Task[],
  world: ClusterState,
): ClusterAction | string {
  const ids = [...new Set(tasks.map(({ serviceId }) => serviceId as string))];
  const services = ids.flatMap((id) => world.services.get(id) ?? []);
  if (services.length === 0) return 'the service of this task no longer exists';
  const names = abbreviateNames(tasks.map(({ containerName }) => containerName));
  switch (verb) {
    case 'restart':
    case 'stop':
    case 'kill':
      return onSingleTasks(verb, tasks, names);
    case 'remove':
      return 'a removed task would be replaced; scale its service (-) or remove the service';
    case 'drain':
    case 'activate':
      return 'tasks cannot be drained; select a machine';
    default: {
      const action = serviceAction(verb, services, world);
      if (typeof action === 'string') return action;
      const of = `${names} of ${abbreviateNames(services.map(serviceTitle))}`;
      return { ...action, effect: [of, ...action.effect] };
    }
  }
}

function onSingleTasks(
  verb: 'restart' | 'stop' | 'kill',
  tasks: readonly Task[],
  names: string,
): ClusterAction | string {
  const running = tasks.filter(({ status }) => status.state === 'running');
  if (running.length === 0) return 'none of the selected tasks is running';
  const effects = {
    restart: 'restarts in place; other tasks of its service keep running',
    stop: 'gets its stop signal and stays stopped until it is restarted',
    kill: 'gets SIGKILL and loses unsaved data',
  };
  const groups = [...grouped(running, (task) => `${task.project}/${task.service}`).values()];
  const requests = groups.flatMap((group): ActionRequest[] => {
    const [first] = group;
    if (first === undefined) return [];
    const { project, service } = first;
    const args = { project, services: [service], taskIds: group.map(({ id }) => id) };
    if (verb === 'restart') return [{ name: 'service.restart', args }];
    const signal = verb === 'kill' ? 'SIGKILL' : (first.spec.container.stopSignal ?? 'SIGTERM');
    return [{ name: 'service.kill', args: { ...args, signal } }];
  });
  const text = effects[verb];
  const effect = running.length === 1 ? text : `each of ${running.length} ${text}`;
  return { title: `${verb} ${names}`, effect: [effect], requests, confirm: 'yes' };
}

/** The action of a verb on projects, or a text why there is none. */
export function projectAction(
  verb: ActionVerb,
  names: readonly string[],
  world: ClusterState,
): ClusterAction | string {
  const services = [...world.services.values()].filter(({ spec }) => names.includes(spec.project));
  if (verb === 'scaleUp' || verb === 'scaleDown') return 'projects cannot be scaled; open one';
  if (verb === 'rollBack') return 'projects cannot be rolled back as a whole; open one';
  if (verb !== 'remove') {
    const action = serviceAction(verb, services, world);
    return typeof action === 'string'
      ? action
      : { ...action, title: `${verb} project ${abbreviateNames(names)}` };
  }
  const running = services.reduce((sum, item) => sum + replicaCounts(world, item).running, 0);
  const nets = [...world.networks.values()].filter(({ spec }) => names.includes(spec.project));
  return {
    title: `down ${abbreviateNames(names)}`,
    effect: [
      `${pluralize(services.length, 'service')} with ${pluralize(running, 'container')} and ${pluralize(nets.length, 'network')} are removed`,
      'named volumes stay',
    ],
    requests: names.map((project) => ({
      name: 'project.remove',
      args: { project, volumes: false },
    })),
    confirm: { word: names.length === 1 ? (names[0] ?? '') : 'down' },
  };
}
