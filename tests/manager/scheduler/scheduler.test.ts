import type { ExecutionContext } from 'ava';
import test from 'ava';
import { aNode, aService, aTask, aVolume } from '../../../fixtures/cluster/build.js';
import type { NodeId, TaskId, VolumeId } from '../../../manager/common/model/ids.js';
import type { Task } from '../../../manager/common/model/task.js';
import { Scheduler } from '../../../manager/scheduler/scheduler.js';
import type { ClusterStore, Transaction } from '../../../manager/store/store.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import { gib, mountOf } from '../../helpers/decisions/placement.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';
import { until } from '../../helpers/until.js';
import { settle } from '../../simulation/virtual-clock.js';

interface Stage {
  readonly store: ClusterStore;
  readonly scheduler: Scheduler;
  readonly clock: ManualClock;
  readonly write: (change: (tx: Transaction) => void) => Promise<void>;
  readonly task: (id: string) => Task | undefined;
  /** Waits until this many decisions were made, then until their write is done. */
  readonly decided: (count: number) => Promise<void>;
}

async function stage(t: ExecutionContext, first: (tx: Transaction) => void): Promise<Stage> {
  const clock = new ManualClock();
  const store = await openTestStore(clock);
  const write = async (change: (tx: Transaction) => void): Promise<void> => {
    await store.update('restore', change);
  };
  await write(first);
  const scheduler = new Scheduler({ store, clock, log: silentLogger });
  scheduler.start();
  t.teardown(() => scheduler.stop());
  const decided = async (count: number): Promise<void> => {
    await until(`decision ${count}`, 10_000, () =>
      Promise.resolve(scheduler.counts.decisions >= count),
    );
    await write(() => undefined);
  };
  return {
    store,
    scheduler,
    clock,
    write,
    task: (id) => store.view.get('tasks', id as TaskId),
    decided,
  };
}

const web = aService('web', {
  task: {
    memoryBytes: gib,
    ports: [{ target: 80, protocol: 'tcp', published: 80, publishedEnd: 81, mode: 'host' }],
    container: { mounts: [mountOf('data')] },
  },
});

function createPending(tx: Transaction, id: string, slot = 1, service = web): void {
  tx.create('tasks', aTask(service, slot, { id, state: 'pending' }));
}

test('a placement is written with its port, its volume and its reason', async (t) => {
  const { store, scheduler, task, decided } = await stage(t, (tx) => {
    tx.create('nodes', aNode('n1'));
    tx.create('volumes', aVolume('data'));
    createPending(tx, 't1');
  });
  await decided(1);
  const placed = task('t1');
  t.is(placed?.nodeId, 'n1' as NodeId);
  t.like(placed?.status, { state: 'assigned', message: 'assigned to n1' });
  t.deepEqual(placed?.spec.ports, [{ target: 80, protocol: 'tcp', published: 80, mode: 'host' }]);
  t.true(placed?.explanation?.placed);
  t.deepEqual(
    store.view.list('leases').map(({ holder }) => holder),
    [{ kind: 'task', taskId: 't1' }] as never,
  );
  t.deepEqual(store.view.get('volumes', 'v-data' as VolumeId)?.nodeIds, ['n1'] as never);
  t.like(scheduler.counts, { decisions: 1, placed: 1, postponed: 0, pending: 0 });
});

test('a second task takes the next port, and the volume is bound once', async (t) => {
  const { store, write, task, decided } = await stage(t, (tx) => {
    tx.create('nodes', aNode('n1'));
    tx.create('volumes', aVolume('data'));
    createPending(tx, 't1');
  });
  await decided(1);
  await write((tx) => {
    createPending(tx, 't2', 2);
  });
  await decided(2);
  t.deepEqual(
    task('t2')?.spec.ports.map(({ published }) => published),
    [81],
  );
  t.is(store.view.list('leases').length, 2);
  t.deepEqual(store.view.get('volumes', 'v-data' as VolumeId)?.nodeIds, ['n1'] as never);
});

test('a postponed task says why, and the same reason is written once', async (t) => {
  const small = aService('small', { task: { memoryBytes: 9 * gib } });
  const { write, task, scheduler, decided } = await stage(t, (tx) => {
    tx.create('nodes', aNode('n1'));
    createPending(tx, 't1', 1, small);
  });
  await decided(1);
  const first = task('t1');
  t.is(first?.explanation?.summary, 'insufficient memory on 1 node');
  t.is(first?.status.state, 'pending');
  await write((tx) => {
    createPending(tx, 't2', 2, small);
  });
  await decided(2);
  t.is(task('t1')?.version, first?.version);
  // The first task was not decided again: nothing has changed for it.
  t.like(scheduler.counts, { placed: 0, postponed: 2, pending: 2 });
  t.true(scheduler.counts.seconds >= scheduler.counts.longestSeconds);
});

test('tasks that fit nowhere are decided later and later, and new ones at once', async (t) => {
  const small = aService('small', { task: { memoryBytes: 9 * gib } });
  const { clock, write, task, scheduler, decided } = await stage(t, (tx) => {
    tx.create('nodes', aNode('n1'));
    for (const slot of [1, 2, 3]) createPending(tx, `t${slot}`, slot, small);
  });
  await decided(1);
  const addNode = (id: string, memoryBytes: number): Promise<void> =>
    write((tx) => {
      tx.create('nodes', aNode(id, { memoryBytes }));
    });
  await addNode('n2', gib);
  await decided(2);
  await addNode('n3', 9 * gib);
  await write((tx) => {
    createPending(tx, 'new', 1, aService('new'));
  });
  await decided(3);
  t.is(task('new')?.status.state, 'assigned');
  t.is(scheduler.counts.placed, 1);
  clock.advance(2);
  await settle();
  t.is(scheduler.counts.placed, 1);
  clock.advance(1);
  await decided(4);
  t.is(task('t1')?.nodeId, 'n3' as NodeId);
  t.like(scheduler.counts, { placed: 2, pending: 2 });
});

const big = aService('big', { task: { memoryBytes: 5 * gib } });

test('room on a node, of whatever kind, is used at once', async (t) => {
  const changes: readonly (readonly [string, (tx: Transaction) => void])[] = [
    [
      'a new node',
      (tx) => {
        tx.create('nodes', aNode('n2'));
      },
    ],
    [
      'a label, an availability',
      (tx) => {
        tx.put('nodes', { ...node(tx, 'n3'), spec: aNode('n3').spec });
      },
    ],
    [
      'a machine that comes back',
      (tx) => {
        tx.put('nodes', { ...node(tx, 'n4'), status: aNode('n4').status });
      },
    ],
    [
      'more memory',
      (tx) => {
        tx.put('nodes', { ...node(tx, 'n5'), description: aNode('n5').description });
      },
    ],
    [
      'an ended task',
      (tx) => {
        const holder = tx.get('tasks', 'holder' as TaskId);
        if (holder !== undefined)
          tx.put('tasks', { ...holder, status: { ...holder.status, state: 'shutdown' } });
      },
    ],
    [
      'a removed task',
      (tx) => {
        tx.remove('tasks', 'holder' as TaskId);
      },
    ],
  ];
  for (const [title, change] of changes) {
    const { write, task, decided } = await stage(t, (tx) => {
      tx.create('nodes', aNode('n1'));
      tx.create('nodes', aNode('n3', { availability: 'pause' }));
      tx.create('nodes', aNode('n4', { state: 'down' }));
      tx.create('nodes', aNode('n5', { memoryBytes: gib }));
      tx.create('tasks', aTask(big, 1, { id: 'holder', node: 'n1', state: 'running' }));
      createPending(tx, 't1', 2, big);
    });
    await decided(1);
    t.is(task('t1')?.status.state, 'pending');
    await write(change);
    await decided(2);
    t.deepEqual([title, task('t1')?.status.state], [title, 'assigned']);
  }
});

function node(tx: Transaction, id: string): ReturnType<typeof aNode> {
  return tx.get('nodes', id as NodeId) ?? aNode(id);
}

test('changes that make no room cause no decision', async (t) => {
  const { write, scheduler, decided } = await stage(t, (tx) => {
    tx.create('nodes', aNode('n1'));
    tx.create('tasks', aTask(big, 1, { id: 'holder', node: 'n1', state: 'preparing' }));
    createPending(tx, 't1', 2, big);
  });
  await decided(1);
  await write((tx) => {
    const holder = tx.get('tasks', 'holder' as TaskId);
    if (holder !== undefined)
      tx.put('tasks', { ...holder, status: { ...holder.status, state: 'running' } });
    const seen = node(tx, 'n1');
    tx.put('nodes', { ...seen, status: { ...seen.status, message: 'hello' } });
  });
  await settle();
  t.is(scheduler.counts.decisions, 1);
  await write((tx) => {
    tx.create('nodes', aNode('n2', { memoryBytes: gib }));
  });
  await decided(2);
  t.is(scheduler.counts.decisions, 2);
});

test('a follower is placed after its leader, and an unwanted task is forgotten', async (t) => {
  const networkMode = { kind: 'service', service: 'vpn' } as const;
  const follower = aService('app', { task: { container: { networkMode } } });
  const leader = aService('vpn');
  const { write, task, scheduler, decided } = await stage(t, (tx) => {
    tx.create('nodes', aNode('n1'));
    tx.create('tasks', aTask(leader, 1, { id: 'leader', state: 'new' }));
    createPending(tx, 't1', 1, follower);
    createPending(tx, 't2', 2, follower);
  });
  await decided(1);
  t.is(task('t1')?.status.state, 'pending');
  await write((tx) => {
    const found = tx.get('tasks', 'leader' as TaskId);
    if (found !== undefined)
      tx.put('tasks', { ...found, status: { ...found.status, state: 'pending' } });
  });
  await decided(2);
  await until('the follower', 10_000, () =>
    Promise.resolve(task('t1')?.status.state === 'assigned'),
  );
  t.is(task('t1')?.nodeId, 'n1' as NodeId);
  t.is(scheduler.counts.pending, 1);
  await write((tx) => {
    const found = tx.get('tasks', 't2' as TaskId);
    if (found !== undefined) tx.put('tasks', { ...found, desired: 'shutdown' });
  });
  await until('none', 10_000, () => Promise.resolve(scheduler.counts.pending === 0));
  t.is(scheduler.counts.pending, 0);
});
