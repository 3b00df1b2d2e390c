import test from 'ava';
import fc from 'fast-check';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import { asFormer, updateOf } from '../../../manager/common/model/rollback.js';
import type { Service, UpdateConfig } from '../../../manager/common/model/service.js';
import { isAvailable, isWanted } from '../../../manager/store/slots.js';
import type { NodeId } from '../../../manager/common/model/ids.js';
import type { Task } from '../../../manager/common/model/task.js';
import { isTerminal } from '../../../manager/common/model/task-state.js';
import { reconcile } from '../../../manager/orchestrator/reconcile.js';
import type { Held } from '../../helpers/applied.js';
import { applied } from '../../helpers/applied.js';
import { aScene } from '../../helpers/scene.js';

const turnMs = 1_000;
const maxTurns = 400;

interface Course {
  readonly replicas: number;
  readonly update: UpdateConfig;
  readonly rollback: UpdateConfig;
  /** Slots whose new task ends at once, each time. */
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

const courses: fc.Arbitrary<Course> = fc.integer({ min: 1, max: 6 }).chain((replicas) =>
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

function start({ replicas, update, rollback }: Course): Held & { readonly before: Service } {
  const options = { replicas, update, rollback };
  const before = aService('web', { ...options, task: image('1') });
  const service = { ...aService('web', { ...options, task: image('2') }), ...asFormer(before) };
  const tasks = Array.from({ length: replicas }, (_, at) =>
    aTask(before, at + 1, { id: `old-${at + 1}`, node: 'node-1', status: { startedAt: 0 } }),
  );
  return { service, tasks, before };
}

/** What workers do in a turn: a new task is placed, then runs; one that fails ends a turn after. */
function work(task: Task, course: Course, now: number): Task {
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
  const fails = task.spec.container.image === 'web:2' && course.failing.includes(task.slot);
  return fails ? to({ state: 'failed', at: now - turnMs, exitCode: 1 }) : task;
}

interface End extends Held {
  /** The most slots without a task that serves at any moment. */
  readonly mostMissing: number;
  readonly images: readonly string[];
  readonly turns: number;
}

/** Until nothing is to be done but what fails failing again. */
function run(course: Course): End {
  let held: Held = start(course);
  let mostMissing = 0;
  let turns = 0;
  for (; turns < maxTurns; turns += 1) {
    const now = 1_000 + turns * turnMs;
    const tasks = held.tasks.map((task) => work(task, course, now));
    const scene = { ...held, tasks };
    mostMissing = Math.max(mostMissing, missing(scene, course));
    const changes = reconcile(aScene(scene.service, tasks, { now }));
    held = applied(scene, changes, now) ?? scene;
    const status = updateOf(held.service);
    if (status !== undefined && status.state !== 'running') break;
  }
  const images = held.tasks
    .filter((task) => isWanted(task) && isAvailable(task))
    .map(({ spec }) => spec.container.image);
  return { ...held, mostMissing, images, turns };
}

function missing({ tasks }: Held, { replicas }: Course): number {
  const served = new Set(tasks.filter(isAvailable).map(({ slot }) => slot));
  return replicas - served.size;
}

test('every change comes to an end, and a good one with all slots new', (t) => {
  fc.assert(
    fc.property(courses, (course) => {
      const end = run({ ...course, failing: [] });
      t.like(updateOf(end.service), { kind: 'change', state: 'completed', failed: [] });
      t.deepEqual(end.images, Array(course.replicas).fill('web:2'));
      if (course.update.order === 'start-first') t.is(end.mostMissing, 0);
      else if (course.update.parallelism > 0) t.true(end.mostMissing <= course.update.parallelism);
    }),
    { numRuns: 150 },
  );
});

test('a bad one ends as its failure_action says', (t) => {
  fc.assert(
    fc.property(courses, (course) => {
      const { failureAction, maxFailureRatio } = course.update;
      if (course.failing.length === 0) return;
      const end = run(course);
      const status = updateOf(end.service);
      t.not(status?.state, 'running', 'it comes to an end');
      const isTooMany = course.failing.length > maxFailureRatio * course.replicas;
      if (failureAction === 'continue' || !isTooMany) {
        t.like(status, { kind: 'change', state: 'completed' });
        t.deepEqual(status?.failed, [...course.failing].sort());
      } else if (failureAction === 'pause') {
        t.like(status, { kind: 'change', state: 'paused' });
      } else {
        t.like(status, { kind: 'rollback', state: 'completed', failed: [] });
        t.deepEqual(end.images, Array(course.replicas).fill('web:1'));
      }
    }),
    { numRuns: 300 },
  );
});

test('a pause leaves the slots alone that were not reached', (t) => {
  fc.assert(
    fc.property(courses, (course) => {
      const parallelism = 1 + (course.update.parallelism % 2);
      const update = { ...course.update, failureAction: 'pause', maxFailureRatio: 0 } as const;
      const all = Array.from({ length: course.replicas }, (_, at) => at + 1);
      const end = run({ ...course, update: { ...update, parallelism }, failing: all });
      t.is(updateOf(end.service)?.state, 'paused');
      const kept = end.images.filter((name) => name === 'web:1').length;
      // A task that serves for a turn before it ends lets one batch more begin.
      t.true(kept >= course.replicas - 2 * parallelism, `${kept} of ${course.replicas}`);
    }),
    { numRuns: 150 },
  );
});
