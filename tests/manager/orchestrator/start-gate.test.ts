import test from 'ava';
import type { TaskOptions } from '../../../fixtures/cluster/build.js';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import type { Dependency, RestartPolicy, Service } from '../../../manager/common/model/service.js';
import type { StartGate } from '../../../manager/orchestrator/start-gate.js';
import { evaluateStartGate } from '../../../manager/orchestrator/start-gate.js';

interface Case {
  readonly condition: Dependency['condition'];
  readonly slots: readonly (TaskOptions | undefined)[];
  readonly required?: boolean;
  readonly restart?: RestartPolicy;
}

function ask({ condition, slots, required = true, restart }: Case): StartGate {
  const service = aService('web', {
    dependsOn: [{ service: 'db', condition, required, restart: false }],
  });
  const task = restart === undefined ? {} : { restart };
  const db: Service = aService('db', { replicas: slots.length, task });
  const tasks = slots.flatMap((options, at) =>
    options === undefined ? [] : [aTask(db, at + 1, { node: 'node-1', ...options })],
  );
  return evaluateStartGate(service, (key) => (key === 'db' ? { service: db, tasks } : undefined));
}

const open: StartGate = { open: true };
const closed: StartGate = { open: false };
const running: TaskOptions = { state: 'running' };
const healthy: TaskOptions = { status: { state: 'running', health: 'healthy' } };
const done: TaskOptions = { status: { state: 'complete', exitCode: 0, startedAt: 1 } };
const crashed: TaskOptions = { status: { state: 'failed', exitCode: 3, startedAt: 1 } };
const failed: StartGate = { open: false, trouble: 'dependency db failed: exit 3' };
const policy = { condition: 'any', delayMs: 0, maxAttempts: 2, windowMs: 0 } as const;

const cases: readonly (readonly [string, Case, StartGate])[] = [
  ['started: one that runs', { condition: 'service_started', slots: [running] }, open],
  ['started: not yet made', { condition: 'service_started', slots: [undefined] }, closed],
  [
    'started: one of two',
    { condition: 'service_started', slots: [running, { state: 'starting' }] },
    closed,
  ],
  ['started: both', { condition: 'service_started', slots: [running, running] }, open],
  ['started: ran and ended', { condition: 'service_started', slots: [crashed] }, open],
  [
    'started: refused by its node',
    { condition: 'service_started', slots: [{ state: 'rejected' }] },
    closed,
  ],
  ['started: no replica is wanted', { condition: 'service_started', slots: [] }, open],
  ['healthy: healthy', { condition: 'service_healthy', slots: [healthy] }, open],
  [
    'healthy: every replica counts',
    {
      condition: 'service_healthy',
      slots: [healthy, { status: { state: 'running', health: 'starting' } }],
    },
    closed,
  ],
  [
    'healthy: unhealthy',
    {
      condition: 'service_healthy',
      slots: [{ status: { state: 'running', health: 'unhealthy' } }],
    },
    { open: false, trouble: 'dependency db is unhealthy' },
  ],
  [
    'healthy: without a check',
    { condition: 'service_healthy', slots: [running] },
    { open: false, trouble: 'dependency db has no health check' },
  ],
  ['healthy: ended for good', { condition: 'service_healthy', slots: [crashed] }, failed],
  [
    'healthy: ended, but restarted by policy',
    { condition: 'service_healthy', slots: [crashed], restart: policy },
    closed,
  ],
  [
    'healthy: ended, attempts used up',
    {
      condition: 'service_healthy',
      slots: [{ ...crashed, attempts: { refused: 0, restarted: 2 } }],
      restart: policy,
    },
    failed,
  ],
  ['completed: complete', { condition: 'service_completed_successfully', slots: [done] }, open],
  [
    'completed: still running',
    { condition: 'service_completed_successfully', slots: [running] },
    closed,
  ],
  ['completed: failed', { condition: 'service_completed_successfully', slots: [crashed] }, failed],
  [
    'completed: one of two failed',
    { condition: 'service_completed_successfully', slots: [done, crashed] },
    failed,
  ],
  [
    'completed: failed but not required',
    { condition: 'service_completed_successfully', slots: [crashed], required: false },
    open,
  ],
  [
    'completed: not required, still running',
    { condition: 'service_completed_successfully', slots: [running], required: false },
    closed,
  ],
];
for (const [name, input, expected] of cases) {
  test(`${name}: the gate is ${expected.open ? 'open' : 'closed'}`, (t) => {
    t.deepEqual(ask(input), expected);
  });
}

test('a missing dependency is reported unless it is optional', (t) => {
  const depends = (required: boolean): Service =>
    aService('web', {
      dependsOn: [{ service: 'db', condition: 'service_started', required, restart: false }],
    });
  t.deepEqual(
    evaluateStartGate(depends(true), () => undefined),
    {
      open: false,
      trouble: 'dependency db does not exist',
    },
  );
  t.deepEqual(
    evaluateStartGate(depends(false), () => undefined),
    open,
  );
});

test('dependencies met once are not checked again', (t) => {
  const service = aService('web', {
    dependsOn: [{ service: 'db', condition: 'service_started', required: true, restart: false }],
    dependenciesMet: true,
  });
  t.deepEqual(
    evaluateStartGate(service, () => undefined),
    open,
  );
});

test('a replica of an earlier spec does not satisfy a dependency', (t) => {
  const service = aService('web', {
    dependsOn: [{ service: 'db', condition: 'service_started', required: true, restart: false }],
  });
  const task = aTask(aService('db'), 1, { node: 'node-1' });
  const changed = aService('db', { forceUpdate: 1 });
  t.deepEqual(
    evaluateStartGate(service, () => ({ service: changed, tasks: [task] })),
    closed,
  );
});

test('a held service waits regardless of its dependencies and fails its dependents', (t) => {
  const held = aService('db', { held: true });
  t.deepEqual(
    evaluateStartGate(held, () => undefined),
    closed,
  );
  const web = aService('web', {
    dependsOn: [{ service: 'db', condition: 'service_started', required: true, restart: false }],
  });
  t.deepEqual(
    evaluateStartGate(web, () => ({ service: held, tasks: [] })),
    { open: false, trouble: 'dependency db is not started' },
  );
});
