import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { TaskStatus } from '../../../manager/common/model/task.js';
import { PersistedTasks } from '../../../worker/tasks/persisted-tasks.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';

const [one, two] = ['t1', 't2'] as unknown as readonly [TaskId, TaskId];
const failed: TaskStatus = { state: 'failed', at: 5, message: 'exited (1)', exitCode: 1 };

interface Disk {
  readonly path: string;
  /** The tasks as a worker reads them after a restart. */
  readonly reload: () => Promise<PersistedTasks>;
}

async function disk(t: ExecutionContext): Promise<Disk> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-tasks-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'tasks.json');
  const reload = async (): Promise<PersistedTasks> => {
    const tasks = new PersistedTasks(path, silentLogger);
    await tasks.load();
    return tasks;
  };
  return { path, reload };
}

test('ends and adoptions survive a restart of the worker', async (t) => {
  const { reload } = await disk(t);
  const tasks = await reload();
  await tasks.end(one, failed);
  await tasks.adopt(two, { containerId: 'c2', finishedAt: 'f2' });
  for (const each of [tasks, await reload()]) {
    t.deepEqual(each.of(one), { ended: failed });
    t.deepEqual(each.of(two), { adopted: { containerId: 'c2', finishedAt: 'f2' } });
    t.is(each.adopterOf('c2'), two);
    t.is(each.adopterOf('c1'), undefined);
  }
});

test('a task that has neither ended nor adopted anything has no state', async (t) => {
  const tasks = await (await disk(t)).reload();
  t.deepEqual(tasks.of(one), {});
});

test('a container adopted twice belongs to the last task', async (t) => {
  const { reload } = await disk(t);
  const tasks = await reload();
  await tasks.adopt(one, { containerId: 'c1' });
  await tasks.adopt(two, { containerId: 'c1' });
  for (const each of [tasks, await reload()]) {
    t.deepEqual(each.of(one), {});
    t.is(each.adopterOf('c1'), two);
  }
});

test('a forgotten task is gone from the disk', async (t) => {
  const { reload } = await disk(t);
  const tasks = await reload();
  await tasks.end(one, failed);
  await tasks.adopt(two, { containerId: 'c2' });
  await tasks.forget(one);
  t.deepEqual((await reload()).of(one), {});
  await tasks.forget(two);
  t.deepEqual((await reload()).of(two), {});
  t.deepEqual(tasks.of(two), {});
});

test('forgetting an unknown task writes nothing', async (t) => {
  const { path, reload } = await disk(t);
  await (await reload()).forget(one);
  t.deepEqual(await readdir(join(path, '..')), []);
});

test('a file without one of the lists is read', async (t) => {
  const { path, reload } = await disk(t);
  await writeFile(path, JSON.stringify({ ended: { t1: failed } }));
  t.deepEqual((await reload()).of(one), { ended: failed });
  await writeFile(path, JSON.stringify({ adopted: { t2: { containerId: 'c2' } } }));
  t.is((await reload()).adopterOf('c2'), two);
});
