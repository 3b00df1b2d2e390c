import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import type { LeaseId, NetworkId, NodeId } from '../../../manager/common/model/ids.js';
import { addressLeaseId, portLeaseId } from '../../../manager/common/model/network.js';
import type { Task } from '../../../manager/common/model/task.js';
import { writeTaskChanges } from '../../../manager/orchestrator/apply.js';
import type { TaskChange } from '../../../manager/orchestrator/task-change.js';
import type { ClusterStore } from '../../../manager/store/store.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const ports = [{ target: 80, protocol: 'tcp', published: 8081, mode: 'host' }] as const;
const web = aService('web', {
  task: { ports: [{ target: 80, protocol: 'tcp', published: 8080, mode: 'host' }] },
});
const old = aTask(web, 1, { id: 'old', node: 'n1' });

async function written(
  changes: readonly TaskChange[],
  tasks: readonly Task[] = [old],
): Promise<ClusterStore> {
  const store = await openTestStore();
  await store.update('restore', (tx) => {
    tx.create('services', web);
    for (const task of tasks) tx.create('tasks', task);
    const holder = { kind: 'task', taskId: old.id } as const;
    for (const id of leases) tx.create('leases', { id, holder });
    const other = { kind: 'gateway', nodeId: 'n1' as NodeId, networkId: 'n' as NetworkId } as const;
    tx.create('leases', { id: addressLeaseId('n' as NetworkId, '10.0.0.1'), holder: other });
  });
  await store.update('orchestrator', (tx) => {
    writeTaskChanges(tx, web.id, changes, () => 'fresh');
  });
  return store;
}

const leases: readonly LeaseId[] = [
  addressLeaseId('n' as NetworkId, '10.0.0.2'),
  portLeaseId('n1' as NodeId, 'tcp', 80, ''),
];
const about = { taskId: old.id, slot: 1, cause: 'because' } as const;

test('a new task has the spec and names of its service and the cause', async (t) => {
  const task = { slot: 2, desired: 'ready', nodeId: 'n1' as NodeId } as const;
  const store = await written([{ kind: 'create', task, cause: 'because' }]);
  t.like(store.view.get('tasks', 'fresh' as Task['id']), {
    slot: 2,
    desired: 'ready',
    nodeId: 'n1',
    serviceId: web.id,
    project: 'demo',
    service: 'web',
    containerName: 'demo-web-2',
    taskHash: web.taskHash,
    configHash: 'config',
    spec: web.spec.task,
    status: { state: 'new', message: 'because' },
    attachments: [],
  } as never);
});

test('a task that adopts a container keeps the ports of that', async (t) => {
  const adopts = { ...old, spec: { ...old.spec, ports } };
  const task = { slot: 1, desired: 'running', adopts } as const;
  const store = await written([{ kind: 'create', task, cause: 'x' }]);
  const made = store.view.get('tasks', 'fresh' as Task['id']);
  t.is(made?.adopts, old.id);
  t.deepEqual(made?.spec.ports, ports);
});

test('a desired state is written, and a task that is gone is left out', async (t) => {
  const gone = {
    kind: 'desire',
    ...about,
    taskId: 'gone' as Task['id'],
    desired: 'remove',
  } as const;
  const store = await written([gone, { kind: 'desire', ...about, desired: 'shutdown' }]);
  t.is(store.view.get('tasks', old.id)?.desired, 'shutdown');
  t.is(store.view.count('tasks'), 1);
});

test('a note about a dependency keeps the placement behind it and goes again', async (t) => {
  const explanation = { placed: true, summary: 'n1: fewest', reasons: ['a'], at: 1 };
  const explain = (summary: string | undefined): TaskChange => ({
    kind: 'explain',
    ...about,
    summary,
  });
  const shown = async (...summaries: (string | undefined)[]) => {
    const store = await written(summaries.map(explain), [{ ...old, explanation }]);
    const { at: _at, ...rest } = store.view.get('tasks', old.id)?.explanation ?? {};
    return rest;
  };
  const note = { placed: true, reasons: ['n1: fewest', 'a'] };
  t.deepEqual(await shown('dependency db: starts'), { ...note, summary: 'dependency db: starts' });
  t.deepEqual(await shown('dependency db: starts', 'dependency db: failed'), {
    ...note,
    summary: 'dependency db: failed',
  });
  const { at: _at, ...before } = explanation;
  t.deepEqual(await shown('dependency db: starts', undefined), before);
});

test('a task without an explanation is explained as placed', async (t) => {
  const store = await written([{ kind: 'explain', ...about, summary: 'dependency db: starts' }]);
  t.like(store.view.get('tasks', old.id)?.explanation, {
    placed: true,
    summary: 'dependency db: starts',
    reasons: [''],
  });
});

test('a deleted task takes its own leases with it; a fence keeps its addresses', async (t) => {
  const kinds = async (fence: boolean): Promise<readonly string[]> => {
    const store = await written([{ kind: 'delete', ...about, fence }]);
    t.is(store.view.get('tasks', old.id), undefined);
    return store.view.list('leases').map(({ id, holder }) => `${id.split('/')[0]} ${holder.kind}`);
  };
  t.deepEqual(await kinds(false), ['address gateway']);
  t.deepEqual(await kinds(true), ['address gateway', 'address fenced']);
});

test('the service itself is changed and removed', async (t) => {
  const status = { kind: 'update', state: 'completed', startedAt: 1, message: '' } as never;
  const store = await written([
    { kind: 'dependencies-met', cause: 'x' },
    { kind: 'update-status', status, cause: 'x' },
    { kind: 'wait', until: 5, cause: 'x' },
  ]);
  t.like(store.view.get('services', web.id), { dependenciesMet: true, updateStatus: status });
  const removed = await written([{ kind: 'remove-service', cause: 'x' }]);
  t.is(removed.view.get('services', web.id), undefined);
});
