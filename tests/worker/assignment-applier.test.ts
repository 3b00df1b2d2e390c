import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { waitFor } from '../../fixtures/lab/wait.js';
import { silentLogger } from '../helpers/fakes/silent-logger.js';
import type { AssignmentSet } from '../../manager/common/protocol/assignments.js';
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
  files: [],
};

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
      setUpstreams: () => calls.push('upstreams'),
      setDown: () => calls.push('down'),
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
  await started.replace(set);
  await started.replace({ ...set, sequence: 5, tasks: [] });
  t.deepEqual(calls, [
    'isolate',
    'end isolation',
    'view',
    'upstreams',
    'tasks 1',
    'down',
    'isolate',
    'upstreams',
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
  const first = started.replace(set);
  await waitFor('the first adoption', () => waiting.length === 1);
  const second = started.replace({ ...set, sequence: 2 });
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
  await started.replace(set);
  const task = { id: 't1', spec: { container: { dns: [] } }, attachments: [] } as never;
  await t.throwsAsync(started.update({ sequence: 9, upsert: {}, remove: {} }), {
    message: /resync with a full set/u,
  });
  await started.update({ sequence: 2, upsert: {}, remove: { endpoints: ['e1'] } });
  t.is((await saved.load())?.set.sequence, 1);
  clock.advance(1_000);
  await waitFor('the delayed save', async () => (await saved.load())?.set.sequence === 2);
  await started.update({ sequence: 3, upsert: {}, remove: { tasks: ['t1' as never] } });
  t.is((await saved.load())?.set.sequence, 3);
  await started.update({ sequence: 4, upsert: { tasks: [task] }, remove: {} });
  t.is(started.current?.tasks.length, 1);
});

test('a change before the first full set is ignored', async (t) => {
  const { started, calls } = await applier(t);
  await started.update({ sequence: 2, upsert: {}, remove: {} });
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
  await managed.started.replace({ ...set, sequence: 7 });
  managed.clock.advance(3_000);
  t.is(managed.started.current?.sequence, 7);
  t.deepEqual(
    managed.calls.filter((call) => call.startsWith('tasks')),
    ['tasks 7'],
  );
});

test('a failed end of the boot isolation is tried again with the next set', async (t) => {
  let attempts = 0;
  const { started, calls } = await applier(t, {
    dataPlane: {
      setView: () => undefined,
      setUpstreams: () => undefined,
      setDown: () => undefined,
      endIsolation: () => {
        attempts += 1;
        return attempts === 1 ? Promise.reject(new Error('nft: busy')) : Promise.resolve();
      },
    },
  });
  await started.load();
  for (const sequence of [1, 2, 3]) await started.replace({ ...set, sequence });
  t.is(attempts, 2);
  t.true(calls.includes('tasks 1'));
});
