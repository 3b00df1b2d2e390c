import { hashOf } from '../common/base/canonical.js';
import type { ContainerSpec } from '../common/model/container.js';
import type { NewId } from '../common/base/random.js';
import type { ServiceId } from '../common/model/ids.js';
import { asPreviousSpec, isStable, withNewTasks, currentUpdate } from '../common/model/rollback.js';
import type { Service, ServiceSpec } from '../common/model/service.js';
import { isWanted } from '../store/slots.js';
import { imageKey, withPinnedImage } from '../common/model/trust/image-record.js';
import { taskHashOf } from '../common/model/spec-hash.js';
import { isTerminal } from '../common/model/task-state.js';
import type { Task } from '../common/model/task.js';
import type { AppliedChange, ProjectApply } from '../common/protocol/project-calls.js';
import type { StoreView, Transaction } from '../store/store.js';
import { isOutdated, setStopTimeout } from './stop-timeout.js';
import { composeContainers, takeOverContainers } from './take-over.js';

export interface ApplyContext {
  /** Undefined for a dry run: the changes are returned, nothing is written. */
  readonly tx: Transaction | undefined;
  readonly view: StoreView;
  readonly newId: NewId;
}

type ApplyInput = Pick<
  ProjectApply,
  'keepReplicas' | 'forceRecreate' | 'renewVolumes' | 'timeoutMs'
>;

/**
 * Creates, updates, starts or keeps one service to match its wanted spec. Containers that docker
 * compose created for it become its own.
 */
export function applyService(
  context: ApplyContext,
  wanted: ServiceSpec,
  input: ApplyInput,
): AppliedChange {
  const { tx, view } = context;
  const containers = composeContainers(view, wanted);
  const change = applySpec(context, wanted, input);
  if (containers.length === 0) return change;
  const service = tx?.serviceByName(wanted.name);
  if (tx !== undefined && service !== undefined) {
    const isForced = input.forceRecreate.includes(wanted.service);
    takeOverContainers(tx, service, { containers, isForced });
    if (service.spec.held !== true) restartEndedTasks(context, service, shouldRunAgain(service));
  }
  const names = containers.map(({ spec }) => spec.task.container.containerName ?? spec.name);
  return { ...change, action: 'updated', cause: `takes over ${names.join(', ')}` };
}

function applySpec(context: ApplyContext, wanted: ServiceSpec, input: ApplyInput): AppliedChange {
  const known = context.view.serviceByName(wanted.name);
  const spec = specToApply(context, known, wanted, input);
  const force = input.forceRecreate.includes(wanted.service);
  const change = (action: AppliedChange['action'], cause: string): AppliedChange => ({
    kind: 'service',
    name: spec.service,
    action,
    cause,
  });
  if (known === undefined) {
    if (context.tx !== undefined) createService(context, spec);
    return change('created', 'not found');
  }
  const causes = differences(known.spec, spec);
  if (input.renewVolumes.includes(wanted.service)) causes.push(renewed);
  if (force) causes.push(forced);
  if (known.removing || causes.length > 0) {
    changeService(context, known, spec, { causes, timeoutMs: input.timeoutMs });
    return known.removing
      ? change('created', 'was being removed')
      : change('updated', causes.join(', '));
  }
  if (currentUpdate(known)?.state === 'paused') {
    resumeUpdate(context, known, spec);
    return change('updated', 'update was paused');
  }
  const stored = withPolicy(context, known, spec);
  // A held service is not started: its tasks stay as they are, running or stopped.
  const cause = spec.held === true ? undefined : startUnchanged(context, stored, spec);
  return cause === undefined ? change('unchanged', '') : change('started', cause);
}

/** The unchanged service, whose later tasks are confined as the policy says now. */
function withPolicy({ tx }: ApplyContext, known: Service, spec: ServiceSpec): Service {
  const { confinedTo: former = [], ...container } = known.spec.task.container;
  const { confinedTo = [] } = spec.task.container;
  if (hashOf(former) === hashOf(confinedTo)) return known;
  const policy = confinedTo.length === 0 ? {} : { confinedTo };
  const task = { ...known.spec.task, container: { ...container, ...policy } };
  const service = { ...known, spec: { ...known.spec, task } };
  tx?.put('services', service);
  return service;
}

function changeService(
  context: ApplyContext,
  known: Service,
  spec: ServiceSpec,
  how: { readonly causes: readonly string[]; readonly timeoutMs: number | undefined },
): void {
  const { tx } = context;
  if (tx === undefined) return;
  const force = how.causes.includes(forced);
  const isChanged = changesTasks(how.causes) || known.spec.mode.kind !== spec.mode.kind;
  const next = updated(known, spec, { force, isChanged, now: tx.now });
  tx.put('services', next);
  if (spec.held !== true) restartEndedTasks(context, known, shouldRunAgain(known));
  setStopTimeout(tx, next, how.timeoutMs, isOutdated(next));
}

/**
 * Resumes a paused update: clears its failure counts; the orchestrator updates the remaining slots.
 */
function resumeUpdate(context: ApplyContext, known: Service, spec: ServiceSpec): void {
  const { updateStatus: _paused, ...again } = known;
  context.tx?.put('services', { ...again, spec });
  restartEndedTasks(context, known, shouldRunAgain(known));
}

/**
 * Starts the stopped tasks of an unchanged service. Returns the cause; undefined if all tasks run.
 */
function startUnchanged(
  context: ApplyContext,
  known: Service,
  spec: ServiceSpec,
): string | undefined {
  const restarted = restartEndedTasks(context, known, shouldRunAgain(known));
  if (!known.spec.halted && known.spec.held !== true) return restarted ? 'had exited' : undefined;
  context.tx?.put('services', { ...known, spec });
  return known.spec.halted ? 'was stopped' : 'was not started';
}

function createService({ tx, newId }: ApplyContext, spec: ServiceSpec): void {
  if (tx !== undefined) addService(tx, newId() as ServiceId, spec);
}

export function addService(tx: Transaction, id: ServiceId, spec: ServiceSpec): void {
  tx.create('services', {
    id,
    spec,
    taskHash: taskHashOf(spec, 0),
    forceUpdate: 0,
    dependenciesMet: spec.dependsOn.length === 0,
    removing: false,
  });
}

const forced = 'forced';
const renewed = 'anonymous volumes are renewed';
const otherCauses: readonly string[] = ['mode changed', 'nameSeparator changed', forced, renewed];

/** True if the task template changed, not only the mode or a forced recreation. */
function changesTasks(causes: readonly string[]): boolean {
  return causes.some((cause) => !otherCauses.includes(cause));
}

/** The service with its new spec. The current spec is kept for rollback if it was ever stable. */
function updated(
  known: Service,
  spec: ServiceSpec,
  how: { readonly force: boolean; readonly isChanged: boolean; readonly now: number },
): Service {
  if (known.removing) return revived(known, spec, how.force);
  if (how.force && !how.isChanged) return withNewTasks({ ...known, spec }, how.now);
  const forceUpdate = known.forceUpdate + (how.force ? 1 : 0);
  return {
    ...known,
    spec,
    taskHash: taskHashOf(spec, forceUpdate),
    forceUpdate,
    ...(how.isChanged && isStable(known) ? asPreviousSpec(known) : {}),
  };
}

/** Revives a service that is being removed; its update status and rollback spec are dropped. */
function revived(known: Service, spec: ServiceSpec, force: boolean): Service {
  const {
    previousSpec: _former,
    previousForceUpdate: _force,
    updateStatus: _past,
    ...rest
  } = known;
  const forceUpdate = known.forceUpdate + (force ? 1 : 0);
  return {
    ...rest,
    spec,
    taskHash: taskHashOf(spec, forceUpdate),
    forceUpdate,
    dependenciesMet: spec.dependsOn.length === 0,
    removing: false,
  };
}

/** The wanted spec with what an earlier command set and the files do not say. */
function specToApply(
  { tx, view }: ApplyContext,
  known: Service | undefined,
  given: ServiceSpec,
  input: Pick<ProjectApply, 'keepReplicas' | 'renewVolumes'>,
): ServiceSpec {
  const wanted = completeSpec(given, view);
  const spec = input.keepReplicas.includes(wanted.service) ? keepReplicas(wanted, known) : wanted;
  const before = known?.spec.task.container.volumesRenewedAt;
  const isRenewed = known !== undefined && input.renewVolumes.includes(wanted.service);
  const volumesRenewedAt = isRenewed ? Math.max(tx?.now ?? 0, (before ?? 0) + 1) : before;
  if (volumesRenewedAt === undefined) return spec;
  const container = { ...spec.task.container, volumesRenewedAt };
  return { ...spec, task: { ...spec.task, container } };
}

/**
 * The spec with what the cluster adds: the digest that its image is pinned to, and the folders that
 * the policy of its project allows. What a client has put there is dropped.
 */
export function completeSpec(spec: ServiceSpec, view: StoreView): ServiceSpec {
  const { confinedTo: _given, ...given } = spec.task.container;
  const record = view.get('images', imageKey(given.image));
  const folders = view.get('projects', spec.project)?.policy?.bindPaths ?? [];
  const container = {
    ...withPinnedImage<ContainerSpec>(given, record),
    ...(folders.length === 0 ? {} : { confinedTo: folders }),
  };
  return { ...spec, task: { ...spec.task, container } };
}

function keepReplicas(spec: ServiceSpec, known: Service | undefined): ServiceSpec {
  if (known?.spec.mode.kind !== 'replicated' || spec.mode.kind !== 'replicated') return spec;
  return { ...spec, mode: { ...spec.mode, replicas: known.spec.mode.replicas } };
}

/**
 * Matches the tasks that `up` runs again: a completed job runs again only if changed or started.
 */
function shouldRunAgain({ spec }: Service): (task: Task) => boolean {
  return (task) => spec.mode.job !== true || task.status.state !== 'complete';
}

/**
 * Lists the fields that differ. `halted` and `held` are ignored: they start or stop, not update. So
 * is `volumesRenewedAt`, which only `--renew-anon-volumes` changes, and `confinedTo`, which is stored
 * for later tasks.
 */
function differences(known: ServiceSpec, wanted: ServiceSpec): string[] {
  const parts = (spec: ServiceSpec): Readonly<Record<string, unknown>> => {
    const { halted: _halted, held: _held, configHash: _configHash, task, ...rest } = spec;
    const { container, ...taskFields } = task;
    const { volumesRenewedAt: _renewedAt, confinedTo: _policy, ...containerFields } = container;
    return { ...rest, ...taskFields, ...containerFields };
  };
  const [old, now] = [parts(known), parts(wanted)];
  const keys = new Set([...Object.keys(old), ...Object.keys(now)]);
  return [...keys]
    .filter((key) => hashOf(old[key] ?? null) !== hashOf(now[key] ?? null))
    .map((key) => `${key} changed`);
}

/**
 * Frees the slots of tasks that exited on their own so that the orchestrator fills them again: `up`
 * and `start` restart exited containers. Returns true if there were any.
 */
export function restartEndedTasks(
  { tx, view }: { readonly tx: Transaction | undefined; readonly view: StoreView },
  service: Service,
  which: (task: Task) => boolean = () => true,
): boolean {
  const ended = view
    .tasksOfService(service.id)
    .filter((task) => isTerminal(task.status.state) && isWanted(task) && which(task));
  for (const task of ended) tx?.put('tasks', { ...task, desired: 'shutdown' });
  return ended.length > 0;
}
