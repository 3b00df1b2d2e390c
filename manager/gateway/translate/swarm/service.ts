import { currentUpdate, dockerUpdateState } from '../../../common/model/rollback.js';
import type { Service, UpdateStatus } from '../../../common/model/service.js';
import type { Task } from '../../../common/model/task.js';
import { isTerminal } from '../../../common/model/task-state.js';
import type { QueryFilters } from '../../filters.js';
import { hasLabels, matchesFilter } from '../../filters.js';
import type { ObjectNames } from './container.js';
import { compact, objectFields, withStack } from './object.js';
import { toEndpointSpec, toPort, toSwarmSpec } from './spec.js';

/** A service as the swarm mode API shows it. */
export function toSwarmService(service: Service, names: ObjectNames): object {
  const { spec, previousSpec, forceUpdate, previousForceUpdate = forceUpdate } = service;
  const ports = spec.task.ports.map(toPort);
  const isJob = spec.mode.job === true;
  return {
    ...objectFields(service),
    Spec: toSwarmSpec(spec, forceUpdate, names),
    ...(previousSpec === undefined
      ? {}
      : { PreviousSpec: toSwarmSpec(previousSpec, previousForceUpdate, names) }),
    Endpoint: { Spec: toEndpointSpec(spec), ...compact({ Ports: ports }) },
    ...compact({ UpdateStatus: toUpdateStatus(currentUpdate(service)) }),
    ...(isJob ? { JobStatus: jobStatus(service) } : {}),
  };
}

function toUpdateStatus(status: UpdateStatus | undefined): object {
  if (status === undefined) return {};
  return compact({
    State: dockerUpdateState(status),
    StartedAt: new Date(status.startedAt).toISOString(),
    CompletedAt: status.endedAt === undefined ? undefined : new Date(status.endedAt).toISOString(),
    Message: status.message === '' ? 'update in progress' : status.message,
  });
}

/** Number of the execution that a job's task belongs to; a new spec is a new execution. */
export function jobIteration(service: Service, task?: Pick<Task, 'taskHash'>): object {
  const isCurrent = task === undefined || task.taskHash === service.taskHash;
  return { Index: service.forceUpdate + (isCurrent ? 1 : 0) };
}

function jobStatus(service: Service): object {
  return {
    JobIteration: jobIteration(service),
    LastExecution: new Date(service.createdAt).toISOString(),
  };
}

/** `ServiceStatus`: numbers of tasks; `nodes` is the number of nodes that a global service fills. */
export function toServiceStatus({ spec, taskHash }: Service, tasks: readonly Task[]): object {
  const wanted = tasks.filter(({ desired }) => desired === 'running' || desired === 'complete');
  const isJob = spec.mode.job === true;
  const completed = tasks.filter(
    (task) => task.status.state === 'complete' && task.taskHash === taskHash,
  );
  const live = wanted.filter(({ status }) => !isTerminal(status.state));
  const desired =
    spec.mode.kind === 'global'
      ? isJob
        ? new Set(wanted.map(({ slot }) => slot)).size
        : live.length
      : (spec.mode.maxConcurrent ?? spec.mode.replicas);
  return {
    RunningTasks: live.filter(({ status }) => status.state === 'running').length,
    DesiredTasks: spec.halted ? 0 : desired,
    CompletedTasks: isJob ? completed.length : 0,
  };
}

export const serviceFilters = ['id', 'label', 'mode', 'name', 'runtime'];

/** Word for the mode in filters. */
function modeName({ mode }: Service['spec']): string {
  return mode.job === true ? `${mode.kind}-job` : mode.kind;
}

export function matchesService({ id, spec }: Service, filters: QueryFilters): boolean {
  return (
    matchesFilter(filters, 'id', (value) => id.startsWith(value)) &&
    matchesFilter(filters, 'name', (value) => spec.name.startsWith(value)) &&
    matchesFilter(filters, 'mode', (value) => modeName(spec) === value) &&
    matchesFilter(filters, 'runtime', (value) => value === 'container') &&
    hasLabels(filters, withStack(spec.project, spec.labels))
  );
}
