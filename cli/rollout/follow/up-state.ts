import type { Node } from '../../../manager/common/model/node.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import { isAssigned, isTerminal } from '../../../manager/common/model/task-state.js';
import type { AppliedChange } from '../../../manager/common/protocol/project-calls.js';
import type { WatchedState } from '../../client/watched.js';
import type { ProgressRow } from '../../output/progress.js';
import { pendingReason } from '../../../manager/common/model/container-state.js';
import { failedDependency } from './dependency-failure.js';
import { endedWithNamespaceOwner } from './namespace-owner.js';
import { updateView } from './updates.js';
import type { WaitStatus } from './wait-status.js';
import type { Slot } from './slots.js';
import { isNodeDown, taskNodeName, replicasOf, slotsOf, unfilledNodes } from './slots.js';

export interface UpTarget {
  readonly project: string;
  /** Compose keys of the services to wait for. */
  readonly services: readonly string[];
  /**
   * `created`: containers exist. `started`: they were started. `healthy`: they run and pass their
   * health checks.
   */
  readonly until: 'created' | 'started' | 'healthy';
  readonly changes: readonly AppliedChange[];
  /** State when the command began, for detecting changes. */
  readonly before: WatchedState;
  /** True for a rollback to the previous spec. */
  readonly back?: boolean;
}

/** Status of one slot. */
interface SlotView {
  readonly row: ProgressRow;
  readonly good: boolean;
  readonly failure?: string;
  readonly stuck?: string;
  /** True while the slot waits for the service's dependencies. */
  readonly gated?: boolean;
}

/** Failed attempts in one slot after which the command stops waiting for a retry. */
const maxAttempts = 3;

/**
 * Compares a watched state with the goal of an `up`: progress, failure, or no progress possible.
 * Pure.
 */
export function evaluateUp(wanted: UpTarget, state: WatchedState): WaitStatus {
  const services = wantedServices(wanted, state);
  const views = services.flatMap((service) => viewsOf(service, wanted, state));
  const failures = views.flatMap(({ failure }) => failure ?? []);
  const gates = services.flatMap((service) => failedDependency(service, state) ?? []);
  const failure = gates[0] ?? failures[0];
  const waiting = views.filter(({ good, stuck }) => !good && stuck === undefined);
  const stuck = [...new Set(views.flatMap((view) => view.stuck ?? []))];
  const rows = [
    ...objectRows(wanted.changes),
    ...onePerId(views.map(({ row }) => row)),
    ...removedRows(wanted, state),
  ];
  const missing = wanted.services.length - services.length;
  return {
    rows,
    done: missing === 0 && stuck.length === 0 && waiting.length === 0,
    ...(failure === undefined ? {} : { failure }),
    // Slots that only wait for a stuck dependency do not keep the command waiting.
    stuck: waiting.every(({ gated }) => gated === true) ? stuck : [],
  };
}

/** Keeps the first row of each id: a service's update row takes precedence over missing tasks. */
function onePerId(rows: readonly ProgressRow[]): readonly ProgressRow[] {
  const seen = new Set<string>();
  return rows.filter(({ id }) => !seen.has(id) && seen.add(id));
}

function wantedServices(wanted: UpTarget, state: WatchedState): readonly Service[] {
  const names = new Set(wanted.services);
  return [...state.services.values()]
    .filter(({ spec }) => spec.project === wanted.project && names.has(spec.service))
    .sort((a, b) => (a.spec.service < b.spec.service ? -1 : 1));
}

function objectRows(changes: readonly AppliedChange[]): readonly ProgressRow[] {
  return changes
    .filter(({ kind, action }) => kind !== 'service' && action === 'created')
    .map(({ kind, name }) => ({
      id: `${kind.replace(/^./u, (first) => first.toUpperCase())} ${name}`,
      text: 'Created',
      state: 'done' as const,
    }));
}

function serviceViews(
  service: Service,
  wanted: UpTarget,
  state: WatchedState,
): readonly SlotView[] {
  const replicas = replicasOf(service);
  const slots = slotsOf(service, state);
  const kept = slots.filter(({ current }) => current !== undefined);
  const views = slots
    .filter(({ current, terminating: leaving }) => current !== undefined || leaving.length > 0)
    .map((slot) => slotView({ service, slot, wanted, state }));
  const row = { id: `Service ${service.spec.name}`, text: 'Scheduling', state: 'working' } as const;
  if (replicas !== undefined) {
    // Tasks are missing, or surplus tasks are not shut down yet.
    return replicas === kept.length ? views : [...views, { row, good: false }];
  }
  // Covers the moment between the end of an outdated task and its successor.
  if (unfilledNodes(service, slots, state).length > 0) return [...views, { row, good: false }];
  if (kept.length > 0 || !anyReadyNode(state)) return views;
  return [
    ...views,
    { row, good: false, stuck: `service ${service.spec.service}: no eligible node` },
  ];
}

/**
 * Views of a service's slots and its update. The manager decides whether a monitored update failed.
 */
function viewsOf(service: Service, wanted: UpTarget, state: WatchedState): readonly SlotView[] {
  const slots = serviceViews(service, wanted, state);
  const { row, isMonitored: isWatched, failure } = updateView(service, wanted);
  if (row === undefined) return slots;
  const update = { row, good: false, ...(failure === undefined ? {} : { failure }) };
  if (!isWatched) return [update, ...slots];
  // The update cannot proceed past a slot without an eligible node.
  return [{ ...update, gated: true }, ...slots.map((view) => withoutVerdict(view))];
}

function withoutVerdict({ row, good, stuck }: SlotView): SlotView {
  return { row, good, ...(row.text === 'Pending' && stuck !== undefined ? { stuck } : {}) };
}

function anyReadyNode(state: WatchedState): boolean {
  return [...state.nodes.values()].some((node) => node.status.state === 'ready');
}

/** A slot and everything that decides its status. */
interface SlotContext {
  readonly service: Service;
  readonly slot: Slot;
  readonly wanted: UpTarget;
  readonly state: WatchedState;
}

function slotView(context: SlotContext): SlotView {
  const { slot, state } = context;
  const { current, terminating: leaving } = slot;
  const task = current ?? leaving[0];
  const id = `Container ${task?.containerName ?? ''}`;
  const kept = keptOnPausedNode(context);
  if (current === undefined && kept !== undefined) {
    const row = { id, text: 'Pending', state: 'warning', detail: kept } as const;
    return { row, good: false, stuck: kept };
  }
  if (current === undefined) {
    const text = task?.desired === 'running' ? 'Recreate' : 'Stopping';
    return { row: { id, text, state: 'working' }, good: false };
  }
  const view = currentView(context, current);
  const row: ProgressRow = { id, detail: taskNodeName(state, current), ...view.row };
  const good = view.good && leaving.length === 0;
  return { ...view, row: view.good && !good ? { ...row, state: 'working' } : row, good };
}

/** Why a global service keeps an outdated task: its node accepts no new ones. */
function keptOnPausedNode({ service, slot, state }: SlotContext): string | undefined {
  const old = slot.terminating.find(({ desired }) => desired === 'running');
  const node = old === undefined ? undefined : nodeOf(state, old);
  if (old === undefined || service.spec.mode.kind !== 'global') return undefined;
  if (node?.spec.availability !== 'pause') return undefined;
  const { name } = node.spec;
  return `service ${service.spec.service}: ${old.containerName} keeps its previous container: ${name} is paused; run "shoal node update --availability active ${name}"`;
}

type CurrentView = Omit<SlotView, 'row'> & { readonly row: Omit<ProgressRow, 'id'> };

function currentView(context: SlotContext, task: Task): CurrentView {
  const { service, slot, state } = context;
  const { state: reached } = task.status;
  if (isLost(context, task)) {
    return { row: { text: 'Rescheduling', state: 'working' }, good: false };
  }
  if (isTerminal(reached)) return endedView(context, task);
  const silent = silentNode(context, task);
  if (silent !== undefined) {
    const detail = `${silent}: Docker engine does not answer`;
    return { row: { text: 'Unknown', state: 'warning', detail }, good: false };
  }
  if (reached === 'running') return runningView(context, task);
  if (reached === 'ready' && context.wanted.until === 'created') {
    return { row: { text: 'Created', state: 'done' }, good: true };
  }
  const reason = pendingReason(task);
  if (reason !== undefined && task.explanation?.awaits === 'predecessor') {
    const detail = `the previous container stops first: ${reason}`;
    return { row: { text: 'Waiting', state: 'warning', detail }, good: false };
  }
  if (reason !== undefined) {
    const stuck = `service ${service.spec.service}: cannot place ${task.containerName}: ${reason}`;
    return { row: { text: 'Pending', state: 'warning', detail: reason }, good: false, stuck };
  }
  if (task.desired === 'ready' && !isMoving(task)) {
    return { row: { text: 'Waiting', state: 'working' }, good: false, gated: true };
  }
  const attempts = slot.ended.filter(neverRan);
  if (attempts.length >= maxAttempts && attempts[0] !== undefined) {
    const stuck = startFailure(service, attempts[0], nodeOf(state, attempts[0]));
    return { row: { text: 'Error', state: 'error' }, good: false, stuck };
  }
  return { row: workingRow(task), good: false };
}

/**
 * Row of a task in progress. While preparing, workers report `pulling IMAGE: 27%` or `fetching …`.
 */
function workingRow({ status }: Task): CurrentView['row'] {
  const image = status.state === 'preparing' && /^(pull|fetch)ing /u.test(status.message);
  if (!image) return { text: workingTexts[status.state] ?? 'Creating', state: 'working' };
  const text = status.message.startsWith('pull') ? 'Pulling' : 'Fetching';
  const percent = /: (\d+)%$/u.exec(status.message)?.[1];
  if (percent === undefined) return { text, state: 'working' };
  return {
    text,
    state: 'working',
    meter: { fraction: Number(percent) / 100, text: `${percent}%` },
  };
}

/** True for a task on a node that is down, or orphaned with it: a replacement will follow. */
function isLost({ state }: SlotContext, task: Task): boolean {
  if (task.status.state === 'orphaned' || task.status.state === 'shutdown') return true;
  return !isTerminal(task.status.state) && isNodeDown(nodeOf(state, task));
}

/**
 * The node of a task whose progress or health is unknown, because its engine does not answer; only
 * `--wait` asks for the health of a task that runs.
 */
function silentNode({ state, wanted }: SlotContext, task: Task): string | undefined {
  const node = nodeOf(state, task);
  if (node?.status.engine !== 'silent') return undefined;
  if (task.status.state === 'running' && wanted.until !== 'healthy') return undefined;
  return node.spec.name;
}

/** True between assignment and `ready`; waiting for dependencies comes after `ready`. */
function isMoving(task: Task): boolean {
  return isAssigned(task.status.state) && task.status.state !== 'ready';
}

const workingTexts: Readonly<Record<string, string>> = {
  new: 'Scheduling',
  pending: 'Scheduling',
  assigned: 'Scheduled',
  accepted: 'Scheduled',
  preparing: 'Creating',
  ready: 'Created',
  starting: 'Starting',
};

function runningView(context: SlotContext, task: Task): CurrentView {
  const { service, wanted } = context;
  const { status, id } = task;
  const before = wanted.before.tasks.get(id);
  const text = before?.status.state === 'running' ? 'Running' : 'Started';
  if (status.startedAt === undefined) return restartingView(context, task);
  if (wanted.until === 'healthy' && service.spec.mode.job === true) {
    return { row: { text: 'Running', state: 'working' }, good: false };
  }
  if (wanted.until !== 'healthy' || status.health === undefined) {
    return { row: { text, state: 'done' }, good: true };
  }
  if (status.health === 'healthy') return { row: { text: 'Healthy', state: 'done' }, good: true };
  if (status.health === 'starting') {
    return { row: { text: 'Waiting', state: 'working' }, good: false };
  }
  return {
    row: { text: 'Error', state: 'error' },
    good: false,
    failure: `container ${task.containerName} is unhealthy`,
  };
}

/**
 * Status of a container that its engine keeps restarting: `-d` counts it as started, `--wait` as
 * not running.
 */
function restartingView({ service, wanted }: SlotContext, task: Task): CurrentView {
  // The container has exited and the engine does not restart it; the exit report is in flight.
  if (task.spec.container.engineRestart.name === 'no') {
    return { row: { text: 'Started', state: 'working' }, good: false };
  }
  const row = { text: 'Restarting', state: 'warning' } as const;
  if (wanted.until !== 'healthy') return { row, good: true };
  const code = task.status.exitCode ?? 0;
  const attempts = task.status.restarts ?? 0;
  if (attempts < maxAttempts) return { row: { ...row, state: 'working' }, good: false };
  const failure = `service ${service.spec.service}: container ${task.containerName} keeps restarting, exit code ${code}`;
  return { row: { text: 'Error', state: 'error' }, good: false, failure };
}

/** True if the task ended before its container ran: missing image, failed create or start. */
function neverRan({ status }: Task): boolean {
  if (status.state === 'rejected') return true;
  return status.state === 'failed' && status.exitCode === undefined;
}

function endedView(context: SlotContext, task: Task): CurrentView {
  const { service, slot, wanted, state } = context;
  if (neverRan(task)) {
    const why = startFailure(service, task, nodeOf(state, task));
    const attempts = slot.ended.filter(neverRan).length + 1;
    const row = { text: 'Error', state: 'error' } as const;
    return attempts >= maxAttempts
      ? { row, good: false, failure: why }
      : { row, good: false, stuck: why };
  }
  if (endedWithNamespaceOwner(service, task, state)) {
    return { row: { text: 'Rescheduling', state: 'working' }, good: false };
  }
  const code = task.status.exitCode ?? 0;
  const detail = `exited (${code})${nodeSuffix(state, task)}`;
  const row = { text: 'Exited', state: code === 0 ? 'done' : 'warning', detail } as const;
  if (wanted.until !== 'healthy' || code === 0) return { row, good: true };
  const failure = `container ${task.containerName} exited (${code})`;
  return { row: { ...row, state: 'error' }, good: false, failure };
}

function nodeSuffix(state: WatchedState, task: Task): string {
  const name = taskNodeName(state, task);
  return name === '' ? '' : ` on ${name}`;
}

function nodeOf(state: WatchedState, task: Task): Node | undefined {
  return task.nodeId === undefined ? undefined : state.nodes.get(task.nodeId);
}

/**
 * Error message of a task that never started. The worker's error names its own subject (an image, a
 * mount, a hook); the node is added if the error lacks it.
 */
export function startFailure(service: Service, task: Task, on: Node | undefined): string {
  const reason = task.status.error ?? task.status.message;
  const node = on?.spec.name ?? '';
  const where = node === '' || reason.includes(node) ? '' : ` on ${node}`;
  return `service ${service.spec.service}${where}: ${reason}`;
}

/** Rows for containers that were removed since the command began. */
function removedRows(wanted: UpTarget, state: WatchedState): readonly ProgressRow[] {
  const names = new Set([...state.tasks.values()].map(({ containerName }) => containerName));
  const gone = [...wanted.before.tasks.values()].filter(
    (task) => !names.has(task.containerName) && task.status.containerId !== undefined,
  );
  return gone.map((task) => ({
    id: `Container ${task.containerName}`,
    text: 'Removed',
    state: 'done' as const,
    detail: taskNodeName(wanted.before, task),
  }));
}
