import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import type { MountSpec } from '../../../manager/common/model/container.js';
import { findLastWithVolumes, findVolumeHolder } from '../../../manager/store/volume-holder.js';

const mountAt = (target: string): MountSpec => ({
  ...{ type: 'volume', target, readOnly: false, noCopy: false },
});
const serviceWith = (...targets: string[]) =>
  aService('db', { task: { container: { mounts: targets.map(mountAt) } } });

const ended = { desired: 'shutdown', state: 'shutdown', node: 'node-1' } as const;
const container = { containerId: 'c', startedAt: 1 };

test('a volume that the file asks for takes precedence over a newer one of the image', (t) => {
  const service = serviceWith('/data');
  const image = aService('db');
  const tasks = [
    aTask(image, 1, {
      ...{ ...ended, id: 'b', node: 'node-2' },
      status: { ...container, anonymousVolumes: ['/cache'] },
    }),
    aTask(service, 1, { ...ended, id: 'a', status: container }),
  ];
  const { container: wanted } = service.spec.task;
  const holder = findVolumeHolder(wanted, tasks);
  t.is(holder?.task.id as string, 'a');
  t.deepEqual([holder?.targets, holder?.isExplicit], [['/data'], true]);
});

test('a path that the image declares and the file now asks for counts as asked for', (t) => {
  const reported = { ...container, anonymousVolumes: ['/data'] };
  const tasks = [aTask(aService('db'), 1, { ...ended, status: reported })];
  t.true(findVolumeHolder(serviceWith('/data').spec.task.container, tasks)?.isExplicit);
});

test('a manager that has no report yet counts on the container of a running task', (t) => {
  const service = serviceWith('/data');
  const tasks = [aTask(service, 1, { node: 'node-1', state: 'assigned' })];
  t.is(findVolumeHolder(service.spec.task.container, tasks)?.task, tasks[0]);
});

test('a task to be removed passes nothing on', (t) => {
  const service = serviceWith('/data');
  const tasks = [aTask(service, 1, { node: 'node-1', desired: 'remove', status: container })];
  t.is(findVolumeHolder(service.spec.task.container, tasks), undefined);
});

test('the last task with volumes is the newest one whose container was started', (t) => {
  const service = serviceWith('/data');
  const [rejected, failed, used] = [
    aTask(service, 1, { ...ended, id: 'c', state: 'rejected' }),
    aTask(service, 1, { ...ended, id: 'b', state: 'failed', status: { containerId: 'b' } }),
    aTask(service, 1, { ...ended, id: 'a', status: container }),
  ] as const;
  t.is(findLastWithVolumes([rejected, failed, used]), used);
  t.is(findLastWithVolumes([rejected]), undefined);
  t.is(findLastWithVolumes([aTask(aService('db'), 1, { ...ended, status: container })]), undefined);
});
