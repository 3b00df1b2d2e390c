import test from 'ava';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { TaskStatus } from '../../../manager/common/model/task.js';
import type { TaskReport } from '../../../manager/common/protocol/messages.js';
import { Reporter } from '../../../worker/session/reporter.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';

const id = 't1' as TaskId;
const status = (changes: Partial<TaskStatus>): TaskStatus => ({
  state: 'running',
  at: 0,
  message: '',
  ...changes,
});

function attached(): {
  readonly clock: ManualClock;
  readonly reporter: Reporter;
  readonly sent: (readonly TaskReport[])[];
} {
  const clock = new ManualClock();
  const reporter = new Reporter(clock);
  const sent: (readonly TaskReport[])[] = [];
  reporter.attach((reports) => sent.push(reports));
  return { clock, reporter, sent };
}

test('changes within ten milliseconds are batched, with only the last status of each task', (t) => {
  const { clock, reporter, sent } = attached();
  reporter.update({ taskId: id, status: status({ state: 'preparing' }) });
  reporter.update({ taskId: id, status: status({ state: 'ready' }) });
  reporter.update({ taskId: 't2' as TaskId, status: status({ state: 'accepted' }) });
  clock.advance(9);
  t.deepEqual(sent, []);
  clock.advance(1);
  t.is(sent.length, 1);
  t.deepEqual(
    sent[0]?.map((report) => `${report.taskId} ${report.status.state}`),
    ['t1 ready', 't2 accepted'],
  );
});

test('a status that takes a task out of service is sent at once', (t) => {
  const changes: readonly Partial<TaskStatus>[] = [
    { state: 'failed' },
    {},
    { startedAt: 1, health: 'unhealthy' },
  ];
  for (const change of changes) {
    const { clock, reporter, sent } = attached();
    reporter.update({ taskId: id, status: status({ startedAt: 1, health: 'healthy' }) });
    clock.advance(10);
    reporter.update({ taskId: id, status: status(change) });
    t.is(sent.length, 2);
  }
});

test('an unchanged status is not sent again', (t) => {
  const { clock, reporter, sent } = attached();
  t.true(reporter.update({ taskId: id, status: status({}) }));
  t.false(reporter.update({ taskId: id, status: status({}) }));
  clock.advance(10);
  t.is(sent.length, 1);
});

test('changes without a session are sent when one starts, except for forgotten tasks', (t) => {
  const reporter = new Reporter(new ManualClock());
  reporter.update({ taskId: id, status: status({ state: 'failed' }) });
  reporter.update({ taskId: 't2' as TaskId, status: status({ state: 'failed' }) });
  reporter.forget('t2' as TaskId);
  const sent: (readonly TaskReport[])[] = [];
  reporter.attach((reports) => sent.push(reports));
  t.deepEqual(
    sent.flat().map((report) => report.taskId),
    [id],
  );
  reporter.detach();
  reporter.update({ taskId: id, status: status({ state: 'failed', message: 'later' }) });
  t.is(sent.length, 1);
});
