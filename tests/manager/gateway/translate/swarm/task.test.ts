import test from 'ava';
import { aService, aTask } from '../../../../../fixtures/cluster/build.js';
import type { TaskNames } from '../../../../../manager/gateway/translate/swarm/task.js';
import { matchesTask, toSwarmTask } from '../../../../../manager/gateway/translate/swarm/task.js';

const names: TaskNames = {
  get: () => undefined,
  networkByName: () => undefined,
  secretByName: () => undefined,
  configByName: () => undefined,
  volumeByName: () => undefined,
};

test('the reason why a task is not placed is its error', (t) => {
  const service = aService('web');
  const explanation = { placed: false, summary: 'no suitable node', reasons: [], at: 0 };
  const shown = toSwarmTask(aTask(service, 1, { explanation }), service, names);
  t.like(shown, { Slot: 1, Status: { State: 'pending', Err: 'no suitable node' } });
  t.false('NodeID' in shown);
});

test('a task of a global service has no slot', (t) => {
  const service = aService('web', { global: true });
  const shown = toSwarmTask(aTask(service, 3, { node: 'n1' }), service, names);
  t.false('Slot' in shown);
  t.like(shown, { NodeID: 'n1', DesiredState: 'running' });
});

test('the tasks of a job are wanted complete, have its iteration and slots from 0', (t) => {
  const service = aService('load', { mode: { kind: 'replicated', replicas: 1, job: true } });
  const task = aTask(service, 1, { node: 'n1', state: 'complete' });
  t.like(toSwarmTask(task, service, names), {
    ...{
      Slot: 0,
      DesiredState: 'complete',
      JobIteration: { Index: 1 },
      Status: { State: 'complete' },
    },
  });
  t.like(toSwarmTask({ ...task, taskHash: 'old' }, service, names), { JobIteration: { Index: 0 } });
});

test('tasks are filtered by node, label, state and by being up to date', (t) => {
  const service = aService('web', { labels: { tier: 'front' } });
  const task = aTask(service, 1, { node: 'n1' });
  const matches = (key: string, value: string, changed = task): boolean =>
    matchesTask({ task: changed, service }, new Map([[key, [value]]]));
  t.true(matches('node', 'n1'));
  t.true(matches('label', 'com.docker.stack.namespace=demo'));
  t.true(matches('label', 'tier=front'));
  t.false(matches('desired-state', 'shutdown'));
  t.true(matches('_up-to-date', 'true'));
  t.false(matches('_up-to-date', 'true', { ...task, taskHash: 'old' }));
  t.true(matches('name', 'demo_web.1'));
});
