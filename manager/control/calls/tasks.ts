import type { TaskRef } from '../../common/protocol/control.js';
import { Args } from '../args.js';
import type { ControlCalls } from '../context.js';
import { findRunningTask } from '../find.js';
import { recordImage } from '../record-image.js';

const deadlineMs = 15_000;
const commitMs = 600_000;

export function readTaskRef(args: Args): TaskRef {
  const index = args.count('index');
  return {
    project: args.text('project'),
    service: args.text('service'),
    ...(index === undefined ? {} : { index }),
  };
}

export const taskCalls: Pick<
  ControlCalls,
  'task.list' | 'task.top' | 'task.inspect' | 'task.stat-path' | 'task.commit'
> = {
  'task.list': ({ store }, value) => {
    const args = new Args('task.list', value);
    const project = args.optionalText('project');
    const service = args.optionalText('service');
    const nodeId = args.optionalText('nodeId');
    const tasks = store.view
      .list('tasks')
      .filter((task) => project === undefined || task.project === project)
      .filter((task) => service === undefined || task.service === service)
      .filter((task) => nodeId === undefined || task.nodeId === nodeId);
    return Promise.resolve(tasks);
  },
  'task.top': ({ store, workers, signal }, value) => {
    const args = new Args('task.top', value);
    const task = findRunningTask(store.view, readTaskRef(args));
    const call = { taskId: task.id, psArgs: args.optionalText('psArgs') ?? '-ef' };
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
    return workers.call(task.nodeId, 'top', call, deadline);
  },
  'task.stat-path': ({ store, workers, signal }, value) => {
    const args = new Args('task.stat-path', value);
    const task = findRunningTask(store.view, readTaskRef(args));
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
    const call = { taskId: task.id, path: args.text('path') };
    return workers.call(task.nodeId, 'statPath', call, deadline);
  },
  'task.inspect': ({ store, workers, signal }, value) => {
    const task = findRunningTask(store.view, readTaskRef(new Args('task.inspect', value)));
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
    return workers.call(task.nodeId, 'inspect', { taskId: task.id }, deadline);
  },
  'task.commit': async (context, value) => {
    const { store, workers, signal } = context;
    const args = new Args('task.commit', value);
    const task = findRunningTask(store.view, readTaskRef(args));
    const [image, author] = [args.optionalText('image'), args.optionalText('author')];
    const comment = args.optionalText('comment');
    const call = {
      taskId: task.id,
      changes: args.texts('changes'),
      pause: args.flag('pause'),
      ...(image === undefined ? {} : { image }),
      ...(author === undefined ? {} : { author }),
      ...(comment === undefined ? {} : { comment }),
    };
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(commitMs)]);
    const id = await workers.call(task.nodeId, 'commit', call, deadline);
    if (image !== undefined) await recordImage(context, task.nodeId, image);
    return id;
  },
};
