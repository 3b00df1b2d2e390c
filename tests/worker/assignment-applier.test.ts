import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { waitFor } from '../../fixtures/lab/wait.js';
import { aService, aTask } from '../../fixtures/cluster/build.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import { silentLogger } from '../helpers/fakes/silent-logger.js';
import type {
  ReceivedChange,
  ReceivedSet,
} from '../../manager/common/protocol/assignment-decoders.js';
import type { AssignmentChange, AssignmentSet } from '../../manager/common/protocol/assignments.js';
import { AssignmentApplier } from '../../worker/assignment-applier.js';
import { readBootId, SavedAssignments } from '../../worker/assignments/saved-set.js';
import { ManualClock } from '../helpers/fakes/manual-clock.js';

const set: AssignmentSet = {
  clusterId: 'c',
  nodeId: 'n' as never,
  sequence: 1,
  tasks: [],
  networks: [],
  endpoints: [],
  volumes: [],
  projects: [],
  files: [],
};

function full(changes: Partial<AssignmentSet> = {}): ReceivedSet {
  return { set: { ...set, ...changes }, malformed: [] };
}

function changed(change: AssignmentChange): ReceivedChange {
  return { change, malformed: [] };
}

type Dependencies = ConstructorParameters<typeof AssignmentApplier>[0];

/** An applier whose calls of the tasks and the data plane are recorded by name. */
async function applier(t: ExecutionContext, changes: Partial<Dependencies> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'applier-'));
  const settings = {
    dataDir: join(folder, 'data'),
    secretsDir: join(folder, 'memory'),
    clusterId: 'c',
    nodeId: 'n',
  };
  const calls: string[] = [];
  const clock = new ManualClock();
  const started = new AssignmentApplier({
    settings,
    clock,
    log: silentLogger,
    containers: { synced: () => Promise.resolve() },
    dataPlane: {
      setView: () => calls.push('view'),
      setContainerDns: () => calls.push('container DNS'),
      setDown: () => calls.push('down'),
      beginIsolation: () => {
        calls.push('begin isolation');
        return Promise.resolve();
      },
      endIsolation: () => {
        calls.push('end isolation');
        return Promise.resolve();
      },
    },
    tasks: {
      isolateOrphans: () => {
        calls.push('isolate');
        return Promise.resolve();
      },
      apply: ({ sequence }) => calls.push(`tasks ${String(sequence)}`),
      downTasks: () => new Set(),
    },
    rejected: {
      set: (reasons) => calls.push(`rejected ${[...reasons.keys()].join(' ')}`),
    },
    ...changes,
  });
  t.teardown(async () => {
    started.stop();
    await rm(folder, { recursive: true });
  });
  const saved = new SavedAssignments(settings, silentLogger);
  return { started, calls, clock, saved };
}

test('a full set isolates orphans before the networks, and ends the boot isolation once', async (t) => {
  const { started, calls, saved } = await applier(t);
  await started.load();
  await started.replace(full());
  await started.replace(full({ sequence: 5, tasks: [] }));
  t.deepEqual(calls, [
    'isolate',
    'end isolation',
    'view',
    'container DNS',
    'tasks 1',
    'down',
    'isolate',
    'container DNS',
    'tasks 5',
    'down',
  ]);
  t.is((await saved.load())?.set.sequence, 5);
});

test('a set that arrives while an older one is adopted takes precedence', async (t) => {
  const waiting: (() => void)[] = [];
  const { started, calls } = await applier(t, {
    containers: {
      synced: () =>
        new Promise((resolve) => {
          waiting.push(resolve);
        }),
    },
  });
  await started.load();
  const first = started.replace(full());
  await waitFor('the first adoption', () => waiting.length === 1);
  const second = started.replace(full({ sequence: 2 }));
  await waitFor('the second adoption', () => waiting.length === 2);
  waiting[1]?.();
  await second;
  waiting[0]?.();
  await first;
  t.is(started.current?.sequence, 2);
  t.false(calls.includes('tasks 1'));
});

test('changed tasks are saved at once, changed endpoints after a delay', async (t) => {
  const { started, clock, saved } = await applier(t);
  await started.load();
  await started.replace(full());
  const task = {
    id: 't1',
    spec: { container: { dns: [], dnsSearch: [] } },
    attachments: [],
  } as never;
  await t.throwsAsync(started.update(changed({ sequence: 9, upsert: {}, remove: {} })), {
    message: /resync with a full set/u,
  });
  await started.update(changed({ sequence: 2, upsert: {}, remove: { endpoints: ['e1'] } }));
  t.is((await saved.load())?.set.sequence, 1);
  clock.advance(1_000);
  await waitFor('the delayed save', async () => (await saved.load())?.set.sequence === 2);
  await started.update(changed({ sequence: 3, upsert: {}, remove: { tasks: ['t1' as never] } }));
  t.is((await saved.load())?.set.sequence, 3);
  await started.update(changed({ sequence: 4, upsert: { tasks: [task] }, remove: {} }));
  t.is(started.current?.tasks.length, 1);
});

test('a change before the first full set is ignored', async (t) => {
  const { started, calls } = await applier(t);
  await started.update(changed({ sequence: 2, upsert: {}, remove: {} }));
  t.deepEqual(calls, []);
});

test('after a worker restart the saved set is applied at once', async (t) => {
  const { started, calls, saved } = await applier(t);
  await saved.save({ bootId: await readBootId(), set });
  await started.load();
  await started.start();
  t.true(calls.includes('tasks 1'));
});

test('the saved set of another node is not applied', async (t) => {
  const { started, calls, saved } = await applier(t);
  await saved.save({ bootId: await readBootId(), set: { ...set, nodeId: 'other' as never } });
  await started.load();
  await started.start();
  t.deepEqual(calls, []);
});

test('after a reboot the saved set waits for a manager', async (t) => {
  const alone = await applier(t);
  await alone.saved.save({ bootId: 'former boot', set });
  await alone.started.load();
  await alone.started.start();
  t.deepEqual(alone.calls, []);
  alone.clock.advance(3_000);
  await waitFor('the saved set', () => alone.calls.includes('tasks 1'));

  const managed = await applier(t);
  await managed.saved.save({ bootId: 'former boot', set });
  await managed.started.load();
  await managed.started.start();
  await managed.started.replace(full({ sequence: 7 }));
  managed.clock.advance(3_000);
  t.is(managed.started.current?.sequence, 7);
  t.deepEqual(
    managed.calls.filter((call) => call.startsWith('tasks')),
    ['tasks 7'],
  );
});

test('a fence cuts containers off until the next full set, also across a worker restart', async (t) => {
  const { started, calls, saved } = await applier(t);
  await started.load();
  await started.replace(full());
  calls.length = 0;
  await started.fence();
  t.deepEqual(calls, ['view', 'begin isolation']);
  t.deepEqual(started.current?.endpoints, []);
  await started.replace(full({ sequence: 5, networks: [] }));
  t.deepEqual(calls.slice(2, 5), ['isolate', 'end isolation', 'view']);
  const again = await applier(t);
  await again.saved.save({ bootId: await readBootId(), set: (await saved.load())?.set ?? set });
  await again.started.load();
  await again.started.start();
  t.false(again.calls.includes('end isolation'), 'the saved set does not end a fence');
});

test('a failed end of the isolation is retried with back-off, and with the next set', async (t) => {
  let attempts = 0;
  const { started, calls, clock } = await applier(t, {
    dataPlane: {
      setView: () => undefined,
      setContainerDns: () => undefined,
      setDown: () => undefined,
      beginIsolation: () => Promise.resolve(),
      endIsolation: () => {
        attempts += 1;
        return attempts <= 3 ? Promise.reject(new Error('nft: busy')) : Promise.resolve();
      },
    },
  });
  await started.load();
  for (const sequence of [1, 2]) await started.replace(full({ sequence }));
  t.is(attempts, 2);
  clock.advance(1_000);
  await waitFor('the first retry', () => attempts === 3);
  clock.advance(400);
  t.is(attempts, 3);
  clock.advance(1_000);
  await waitFor('the second retry', () => attempts === 4);
  clock.advance(60_000);
  await started.replace(full({ sequence: 3 }));
  t.is(attempts, 4, 'the isolation has ended');
  t.true(calls.includes('tasks 1'));
});

const former = {
  id: 't1',
  desired: 'running',
  spec: { container: { dns: [], dnsSearch: [] } },
  attachments: [],
};
const malformed = {
  id: 't1' as TaskId,
  desired: 'shutdown',
  reason: 'task t1: malformed',
} as const;

test('a malformed task without a former assignment is rejected, the others are applied', async (t) => {
  const { started, calls } = await applier(t);
  await started.load();
  const other = { ...former, id: 't2' } as never;
  await started.replace({ set: { ...set, tasks: [other] }, malformed: [malformed] });
  t.deepEqual(
    started.current?.tasks.map(({ id }) => id as string),
    ['t2'],
  );
  t.true(calls.includes('rejected t1'));
  const late = { ...malformed, id: 't3' as TaskId };
  await started.update({ change: { sequence: 2, upsert: {}, remove: {} }, malformed: [late] });
  t.is(calls.at(-1), 'rejected t1 t3');
  await started.update(changed({ sequence: 3, upsert: {}, remove: { tasks: ['t1' as TaskId] } }));
  t.true(calls.includes('rejected t3'));
  await started.replace(full({ sequence: 4 }));
  t.true(calls.includes('rejected '));
});

test('a malformed task keeps its former assignment and takes only the desired state', async (t) => {
  const { started, calls } = await applier(t);
  await started.load();
  await started.replace(full({ tasks: [former as never] }));
  await started.update({ change: { sequence: 2, upsert: {}, remove: {} }, malformed: [malformed] });
  t.deepEqual(started.current?.tasks, [{ ...former, desired: 'shutdown' } as never]);
  const { desired: _desired, ...unreadable } = malformed;
  await started.replace({ set: { ...set, sequence: 3 }, malformed: [unreadable] });
  t.deepEqual(started.current?.tasks, [{ ...former, desired: 'shutdown' } as never]);
  t.false(calls.some((call) => call.startsWith('rejected')));
});

test('a malformed task keeps the assignment that was saved before the worker restarted', async (t) => {
  const first = await applier(t);
  const task = aTask(aService('web'), 1, { id: 't1', node: 'n' });
  await first.saved.save({ bootId: 'former boot', set: { ...set, tasks: [task] } });
  await first.started.load();
  await first.started.start();
  await first.started.replace({ set: { ...set, sequence: 2 }, malformed: [malformed] });
  t.deepEqual(
    first.started.current?.tasks.map(({ id, desired }) => `${id} ${desired}`),
    ['t1 shutdown'],
  );
});
