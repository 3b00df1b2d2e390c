import test from 'ava';
import type { TaskId } from '../../../manager/common/model/ids.js';
import { RejectedTasks } from '../../../worker/tasks/rejected-tasks.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';

test('a rejected task is reported once with its reason and forgotten when it leaves the set', (t) => {
  const events: string[] = [];
  const tasks = new RejectedTasks({
    clock: new ManualClock(),
    report: ({ taskId, status }) => {
      events.push(`${taskId} ${status.state} ${status.error ?? ''}`);
    },
    forgotten: (taskId) => {
      events.push(`${taskId} forgotten`);
    },
  });
  const [one, two] = ['t1', 't2'] as unknown as readonly [TaskId, TaskId];
  tasks.set(new Map([[one, 'bad image']]));
  tasks.set(
    new Map([
      [one, 'bad image'],
      [two, 'bad mount'],
    ]),
  );
  t.deepEqual(events, ['t1 rejected bad image', 't2 rejected bad mount']);
  t.deepEqual(
    tasks.reports().map(({ taskId, status }) => `${taskId} ${status.state}`),
    ['t1 rejected', 't2 rejected'],
  );
  tasks.set(new Map([[two, 'bad port']]));
  t.deepEqual(events.slice(2), ['t1 forgotten', 't2 rejected bad port']);
});
