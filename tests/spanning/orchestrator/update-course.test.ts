import test from 'ava';
import fc from 'fast-check';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import { asPreviousSpec, currentUpdate } from '../../../manager/common/model/rollback.js';
import type { Service, UpdateConfig } from '../../../manager/common/model/service.js';
import { isAvailable, isWanted } from '../../../manager/store/slots.js';
import type { NodeId } from '../../../manager/common/model/ids.js';
import type { Task } from '../../../manager/common/model/task.js';
import { isTerminal } from '../../../manager/common/model/task-state.js';
import { reconcile } from '../../../manager/orchestrator/reconcile.js';
import type { ServiceWithTasks } from '../../helpers/decisions/apply-task-changes.js';
import { applyTaskChanges } from '../../helpers/decisions/apply-task-changes.js';
import { aServiceSnapshot } from '../../helpers/decisions/service-snapshot.js';

const turnMs = 1_000;
const maxTurns = 400;

interface Scenario {
  readonly replicas: number;
  readonly update: UpdateConfig;
  readonly rollback: UpdateConfig;
  /** Slots whose new tasks always fail at once. */
  readonly failing: readonly number[];
}

function configs(failureAction: fc.Arbitrary<string>): fc.Arbitrary<UpdateConfig> {
  return fc.record({
    parallelism: fc.integer({ min: 0, max: 3 }),
    delayMs: fc.constantFrom(0, 2_000),
    failureAction: failureAction as fc.Arbitrary<'pause'>,
    monitorMs: fc.constantFrom(2_000, 3_000),
    maxFailureRatio: fc.constantFrom(0, 0.25, 0.5),
    order: fc.constantFrom('stop-first', 'start-first'),
  });
}

const scenarios: fc.Arbitrary<Scenario> = fc.integer({ min: 1, max: 6 }).chain((replicas) =>
  fc.record({
    replicas: fc.constant(replicas),
    update: configs(fc.constantFrom('pause', 'continue', 'rollback')),
    rollback: configs(fc.constantFrom('pause', 'continue')),
    failing: fc.uniqueArray(fc.integer({ min: 1, max: replicas })),
  }),
);

const image = (tag: string) => ({
  container: { image: `web:${tag}` },
  restart: { condition: 'any', delayMs: 0, maxAttempts: 0, windowMs: 0 } as const,
});

function initialState({
  replicas,
  update,
  rollback,
}: Scenario): ServiceWithTasks & { readonly before: Service } {
  const options = { replicas, update, rollback };
  const before = aService('web', { ...options, task: image('1') });
  const service = {
    ...aService('web', { ...options, task: image('2') }),
    ...asPreviousSpec(before),
  };
  const tasks = Array.from({ length: replicas }, (_, index) =>
    aTask(before, index + 1, { id: `old-${index + 1}`, node: 'node-1', status: { startedAt: 0 } }),
  );
  return { service, tasks, before };
}

/**
 * Simulates workers for one turn: a new task is assigned, runs in the next turn and may then fail.
 */
function simulateWorker(task: Task, scenario: Scenario, now: number): Task {
  const to = (status: Partial<Task['status']>): Task => ({
    ...task,
    nodeId: 'node-1' as NodeId,
    updatedAt: now,
    status: { ...task.status, at: now, ...status },
  });
  const { state } = task.status;
  if (isTerminal(state)) return task;
  if (!isWanted(task)) return to({ state: 'shutdown' });
  if (state === 'new') return to({ state: 'assigned' });
  if (state === 'assigned') return to({ state: 'running', startedAt: now });
  const fails = task.spec.container.image === 'web:2' && scenario.failing.includes(task.slot);
  return fails ? to({ state: 'failed', at: now - turnMs, exitCode: 1 }) : task;
}

interface End extends ServiceWithTasks {
  /** Highest number of slots without an available task at any time. */
  readonly mostMissing: number;
  readonly images: readonly string[];
  readonly turns: number;
}

/** Runs turns until the update is no longer running, at most `maxTurns`. */
function run(scenario: Scenario): End {
  let state: ServiceWithTasks = initialState(scenario);
  let mostMissing = 0;
  let turns = 0;
  for (; turns < maxTurns; turns += 1) {
    const now = 1_000 + turns * turnMs;
    const tasks = state.tasks.map((task) => simulateWorker(task, scenario, now));
    const current = { ...state, tasks };
    mostMissing = Math.max(mostMissing, missing(current, scenario));
    const changes = reconcile(aServiceSnapshot(current.service, tasks, { now }));
    state = applyTaskChanges(current, changes, now) ?? current;
    const status = currentUpdate(state.service);
    if (status !== undefined && status.state !== 'running') break;
  }
  const images = state.tasks
    .filter((task) => isWanted(task) && isAvailable(task))
    .map(({ spec }) => spec.container.image);
  return { ...state, mostMissing, images, turns };
}

function missing({ tasks }: ServiceWithTasks, { replicas }: Scenario): number {
  const filled = new Set(tasks.filter(isAvailable).map(({ slot }) => slot));
  return replicas - filled.size;
}

test('an update without failures completes with every slot updated', (t) => {
  fc.assert(
    fc.property(scenarios, (scenario) => {
      const end = run({ ...scenario, failing: [] });
      t.like(currentUpdate(end.service), { kind: 'change', state: 'completed', failed: [] });
      t.deepEqual(end.images, Array(scenario.replicas).fill('web:2'));
      if (scenario.update.order === 'start-first') t.is(end.mostMissing, 0);
      else if (scenario.update.parallelism > 0)
        t.true(end.mostMissing <= scenario.update.parallelism);
    }),
    { numRuns: 150 },
  );
});

test('an update with failures ends as its failure_action says', (t) => {
  fc.assert(
    fc.property(scenarios, (scenario) => {
      const { failureAction, maxFailureRatio } = scenario.update;
      if (scenario.failing.length === 0) return;
      const end = run(scenario);
      const status = currentUpdate(end.service);
      t.not(status?.state, 'running', 'the update ends');
      const isTooMany = scenario.failing.length > maxFailureRatio * scenario.replicas;
      if (failureAction === 'continue' || !isTooMany) {
        t.like(status, { kind: 'change', state: 'completed' });
        t.deepEqual(status?.failed, [...scenario.failing].sort());
      } else if (failureAction === 'pause') {
        t.like(status, { kind: 'change', state: 'paused' });
      } else {
        t.like(status, { kind: 'rollback', state: 'completed', failed: [] });
        t.deepEqual(end.images, Array(scenario.replicas).fill('web:1'));
      }
    }),
    { numRuns: 300 },
  );
});

test('a paused update leaves the remaining slots alone', (t) => {
  fc.assert(
    fc.property(scenarios, (scenario) => {
      const parallelism = 1 + (scenario.update.parallelism % 2);
      const update = { ...scenario.update, failureAction: 'pause', maxFailureRatio: 0 } as const;
      const all = Array.from({ length: scenario.replicas }, (_, index) => index + 1);
      const end = run({ ...scenario, update: { ...update, parallelism }, failing: all });
      t.is(currentUpdate(end.service)?.state, 'paused');
      const kept = end.images.filter((name) => name === 'web:1').length;
      // A task that is available for a turn before it fails lets one more batch start.
      t.true(kept >= scenario.replicas - 2 * parallelism, `${kept} of ${scenario.replicas}`);
    }),
    { numRuns: 150 },
  );
});
