import test from 'ava';
import {
  toObservedContainer,
  type InspectedContainer,
} from '../../../../worker/executor/docker/observe.js';
import { engineRecording } from '../../../helpers/fakes/engine-recording.js';

const read = (name: string): InspectedContainer =>
  JSON.parse(engineRecording(name)) as InspectedContainer;

test('a created container has no times, exit code or ports', (t) => {
  const seen = toObservedContainer(read('created.json'));
  t.is(seen?.state, 'created');
  t.deepEqual(
    [seen?.startedAt, seen?.finishedAt, seen?.exitCode, seen?.ports.length],
    [undefined, undefined, undefined, 0],
  );
  t.is(seen?.name, 'demo-web-1');
  t.is(seen?.taskId, 't1' as never);
  t.deepEqual(seen?.addresses, { demo_net: '10.97.0.7' });
  t.deepEqual(seen?.command, ['sleep', '600']);
});

test('a running container has its start time, health and each published port once', (t) => {
  const seen = toObservedContainer(read('running.json'));
  t.is(seen?.state, 'running');
  t.is(seen?.health, 'healthy');
  t.is(seen?.startedAt, Date.parse(read('running.json').State.StartedAt));
  t.deepEqual(
    seen?.ports.map(({ target, hostIp, published }) => [target, hostIp, published > 0]),
    [
      [80, '0.0.0.0', true],
      [81, '0.0.0.0', true],
    ],
  );
});

test('a paused container has a start time, an exited one does not', (t) => {
  t.is(toObservedContainer(read('paused.json'))?.state, 'paused');
  t.truthy(toObservedContainer(read('paused.json'))?.startedAt);
  const ended = toObservedContainer(read('exited.json'));
  t.is(ended?.exitCode, 137);
  t.is(ended?.startedAt, undefined);
  t.is(ended?.health, undefined);
  t.truthy(ended?.finishedAt);
});

test('a restarting container has no start time', (t) => {
  const ended = read('exited.json');
  const waiting = { ...ended, RestartCount: 2, State: { ...ended.State, Status: 'restarting' } };
  const seen = toObservedContainer(waiting);
  t.is(seen?.state, 'restarting');
  t.is(seen?.startedAt, undefined);
  t.is(seen?.restarts, 2);
});

test('a container without a task label is ignored', (t) => {
  const foreign = { ...read('running.json'), Config: { Labels: null } };
  t.is(toObservedContainer(foreign), undefined);
});
