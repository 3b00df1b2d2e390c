import test from 'ava';
import { aService, aTask } from '../../../../fixtures/cluster/build.js';
import {
  hasRunningContainer,
  selectRunningTask,
} from '../../../../manager/common/model/running-task.js';

const web = aService('web');

test('only a running task on a node has a running container, even while it is to be shut down', (t) => {
  t.true(hasRunningContainer(aTask(web, 1, { node: 'n', desired: 'shutdown' })));
  t.false(hasRunningContainer(aTask(web, 1, { node: 'n', state: 'starting' })));
  t.false(hasRunningContainer(aTask(web, 1, { node: 'n', state: 'complete' })));
  t.false(hasRunningContainer(aTask(web, 1, { state: 'running' })));
});

test('without an index the lowest running slot is selected', (t) => {
  const tasks = [
    aTask(web, 3, { node: 'n' }),
    aTask(web, 1, { node: 'n', state: 'failed' }),
    aTask(web, 2, { node: 'n' }),
  ];
  t.is(selectRunningTask(tasks)?.id, tasks[2]?.id);
});

test('an index selects the running task of that slot and no other', (t) => {
  const tasks = [
    aTask(web, 1, { node: 'n' }),
    aTask(web, 2, { node: 'n', state: 'failed' }),
    aTask(web, 3, { node: 'n' }),
  ];
  t.is(selectRunningTask(tasks, 3)?.slot, 3);
  t.is(selectRunningTask(tasks, 2), undefined);
  t.is(selectRunningTask(tasks, 4), undefined);
});

test('of two running tasks of a slot the later one is selected', (t) => {
  const at = (id: string, createdAt: number): ReturnType<typeof aTask> =>
    aTask(web, 1, { id, node: 'n', createdAt });
  t.is(selectRunningTask([at('old', 10), at('new', 20), at('older', 5)])?.id, at('new', 20).id);
  t.is(selectRunningTask([aTask(web, 2, { node: 'n', createdAt: 30 }), at('old', 10)])?.slot, 1);
});
