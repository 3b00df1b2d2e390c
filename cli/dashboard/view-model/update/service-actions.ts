import type { Service, UpdateConfig } from '../../../../manager/common/model/service.js';
import type { Task } from '../../../../manager/common/model/task.js';
import type { Action, Request, Verb } from './action.js';
import { count, labelOf, listOf } from './action.js';
import { countsOf } from '../views/parts.js';
import type { World } from '../state/world.js';
import { grouped } from '../state/world.js';

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

export function onServices(
  verb: Verb,
  services: readonly Service[],
  world: World,
): Action | string {
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
            ? [`${containers} stop; they keep their place and data`]
            : ['their containers start again where they were'],
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
      return 'services are not drained: go to a machine';
  }
}

function kill(services: readonly Service[], containers: string): Action {
  const names = listOf(services.map(labelOf));
  const projects = byProject(services);
  return {
    title: `kill ${names}`,
    effect: [`${containers} get SIGKILL and lose what they have not written`],
    requests: projects.map(([project, keys]) => ({
      name: 'service.kill',
      args: { project, services: keys, signal: 'SIGKILL' },
    })),
    confirm: 'yes',
  };
}

function remove(services: readonly Service[], containers: string): Action {
  const names = listOf(services.map(labelOf));
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

/** How many are replaced at once. */
function pace(config: UpdateConfig | undefined): string {
  const { parallelism } = config ?? { parallelism: 1 };
  return parallelism === 0 ? 'all at once' : `${parallelism} at a time`;
}

function roll(services: readonly Service[], running: number): Action {
  const [only] = services;
  const how =
    services.length === 1 ? pace(only?.spec.update) : 'each service as its update_config says';
  return {
    title: `roll ${listOf(services.map(labelOf))}`,
    effect: [`${count(running, 'container')} are replaced by new ones of the same spec, ${how}`],
    requests: byProject(services).map(([project, keys]) => ({
      name: 'service.roll',
      args: { project, services: keys },
    })),
    confirm: 'yes',
  };
}

function rollBack(services: readonly Service[]): Action | string {
  const without = services.find(({ previousSpec }) => previousSpec === undefined);
  if (without !== undefined) return `${labelOf(without)} has no spec before`;
  return {
    title: `roll back ${listOf(services.map(labelOf))}`,
    effect: services.map((service) => `${labelOf(service)}: ${imagesOf(service)}`),
    requests: byProject(services).map(([project, keys]) => ({
      name: 'service.rollback',
      args: { project, services: keys },
    })),
    confirm: 'yes',
  };
}

/** What going back changes, as far as it fits a line. */
function imagesOf({ spec, previousSpec }: Service): string {
  const [now, before] = [spec.task.container.image, previousSpec?.task.container.image ?? ''];
  const how = pace(previousSpec?.rollback);
  return now === before
    ? `to the spec before, ${how} (h shows what differs)`
    : `${now} back to ${before}, ${how}`;
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
export function onTasks(verb: Verb, tasks: readonly Task[], world: World): Action | string {
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

export function onProjects(verb: Verb, names: readonly string[], world: World): Action | string {
  const services = [...world.services.values()].filter(({ spec }) => names.includes(spec.project));
  if (verb === 'scaleUp' || verb === 'scaleDown') return 'a project is not scaled: enter it';
  if (verb === 'rollBack') return 'a project does not go back as a whole: enter it';
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
