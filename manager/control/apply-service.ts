import { hashOf } from '../common/base/canonical.js';
import type { NewId } from '../common/base/random.js';
import type { ServiceId } from '../common/model/ids.js';
import { asFormer, hasStood, rolled, updateOf } from '../common/model/rollback.js';
import type { Service, ServiceSpec } from '../common/model/service.js';
import { isWanted } from '../store/slots.js';
import { taskHashOf } from '../common/model/spec-hash.js';
import { isTerminal } from '../common/model/task-state.js';
import type { Task } from '../common/model/task.js';
import type { AppliedChange, ProjectApply } from '../common/protocol/control.js';
import type { StoreView, Transaction } from '../store/store.js';
import { isOutdated, setStopTimeout } from './stop-timeout.js';

export interface ApplyContext {
  /** Undefined only says what would be done. */
  readonly tx: Transaction | undefined;
  readonly view: StoreView;
  readonly newId: NewId;
}

/** Creates, updates, starts or leaves one service, as the file wants it. */
export function applyService(
  context: ApplyContext,
  wanted: ServiceSpec,
  input: Pick<ProjectApply, 'keepReplicas' | 'forceRecreate' | 'timeoutMs'>,
): AppliedChange {
  const known = context.view.serviceByName(wanted.name);
  const spec = input.keepReplicas.includes(wanted.service) ? keepReplicas(wanted, known) : wanted;
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
  if (force) causes.push(forced);
  if (known.removing || causes.length > 0) {
    changeService(context, known, spec, { causes, timeoutMs: input.timeoutMs });
    return known.removing
      ? change('created', 'was being removed')
      : change('updated', causes.join(', '));
  }
  if (updateOf(known)?.state === 'paused') {
    goOnWith(context, known, spec);
    return change('updated', 'its update was paused');
  }
  // Not to be started: what is there stays as it is, running or stopped.
  const cause = spec.held === true ? undefined : startUnchanged(context, known, spec);
  return cause === undefined ? change('unchanged', '') : change('started', cause);
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
  if (spec.held !== true) wakeEnded(context, known, isToRunAgain(known));
  setStopTimeout(tx, next, how.timeoutMs, isOutdated(next));
}

/** What has been counted of its failures is over: the orchestrator begins anew with what is left. */
function goOnWith(context: ApplyContext, known: Service, spec: ServiceSpec): void {
  const { updateStatus: _paused, ...again } = known;
  context.tx?.put('services', { ...again, spec });
  wakeEnded(context, known, isToRunAgain(known));
}

/** Starts what does not run of a service that is as wanted. Undefined: there is nothing to start. */
function startUnchanged(
  context: ApplyContext,
  known: Service,
  spec: ServiceSpec,
): string | undefined {
  const woken = wakeEnded(context, known, isToRunAgain(known));
  if (!known.spec.halted && known.spec.held !== true) return woken ? 'had ended' : undefined;
  context.tx?.put('services', { ...known, spec });
  return known.spec.halted ? 'was stopped' : 'was not started';
}

function createService({ tx, newId }: ApplyContext, spec: ServiceSpec): void {
  tx?.create('services', {
    id: newId() as ServiceId,
    spec,
    taskHash: taskHashOf(spec, 0),
    forceUpdate: 0,
    dependenciesMet: spec.dependsOn.length === 0,
    removing: false,
  });
}

/** Whether there is more to it than another number of replicas, or new tasks for the same. */
function changesTasks(causes: readonly string[]): boolean {
  return causes.some((cause) => cause !== 'mode changed' && cause !== forced);
}

const forced = 'forced';

/** A service with another spec: what it was is kept for going back, unless it never stood. */
function updated(
  known: Service,
  spec: ServiceSpec,
  how: { readonly force: boolean; readonly isChanged: boolean; readonly now: number },
): Service {
  if (known.removing) return madeAgain(known, spec, how.force);
  if (how.force && !how.isChanged) return rolled({ ...known, spec }, how.now);
  const forceUpdate = known.forceUpdate + (how.force ? 1 : 0);
  return {
    ...known,
    spec,
    taskHash: taskHashOf(spec, forceUpdate),
    forceUpdate,
    ...(how.isChanged && hasStood(known) ? asFormer(known) : {}),
  };
}

/** On its way out and wanted again: what it was before is over. */
function madeAgain(known: Service, spec: ServiceSpec, force: boolean): Service {
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

function keepReplicas(spec: ServiceSpec, known: Service | undefined): ServiceSpec {
  if (known?.spec.mode.kind !== 'replicated' || spec.mode.kind !== 'replicated') return spec;
  return { ...spec, mode: { ...spec.mode, replicas: known.spec.mode.replicas } };
}

/** A job that has ended well is done until it is changed, or told to start. */
function isToRunAgain({ spec }: Service): (task: Task) => boolean {
  return (task) => spec.mode.job !== true || task.status.state !== 'complete';
}

/** Names of what differs. `halted` and `held` are no difference: that is starting, not changing. */
function differences(known: ServiceSpec, wanted: ServiceSpec): string[] {
  const parts = (spec: ServiceSpec): Readonly<Record<string, unknown>> => {
    const { halted: _halted, held: _held, configHash: _configHash, task, ...rest } = spec;
    const { container, ...others } = task;
    return { ...rest, ...others, ...container };
  };
  const [old, now] = [parts(known), parts(wanted)];
  const keys = new Set([...Object.keys(old), ...Object.keys(now)]);
  return [...keys]
    .filter((key) => hashOf(old[key] ?? null) !== hashOf(now[key] ?? null))
    .map((key) => `${key} changed`);
}

/**
 * Frees the slots of tasks that have ended by themselves, so that they are filled again: `up` and `start`
 * start what has exited. Says whether there were any.
 */
export function wakeEnded(
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
