import type { Service } from '../../../../manager/common/model/service.js';
import type { Task } from '../../../../manager/common/model/task.js';
import { LogBuffer } from '../state/logs.js';
import type { LogScreen } from '../state/model.js';
import type { Row } from '../state/view.js';
import type { ListName } from '../views/all.js';

type LogSubject = Pick<
  LogScreen,
  'title' | 'project' | 'services' | 'index' | 'container' | 'taskId'
>;

export function logSubject(view: ListName, row: Row): LogSubject | undefined {
  switch (view) {
    case 'tasks': {
      const task = row.item as Task;
      return taskLog(task);
    }
    case 'services':
    case 'jobs': {
      const { spec } = row.item as Service;
      return {
        title: `${spec.project}/${spec.service}`,
        project: spec.project,
        services: [spec.service],
        index: undefined,
        container: undefined,
        taskId: undefined,
      };
    }
    case 'projects':
      return {
        title: row.id,
        project: row.id,
        services: [],
        index: undefined,
        container: undefined,
        taskId: undefined,
      };
    default:
      return undefined;
  }
}

export function taskLog(task: Task): LogSubject {
  return {
    title: task.containerName,
    project: task.project,
    services: [task.service],
    index: task.slot,
    container: undefined,
    taskId: task.id,
  };
}

export function logScreen(subject: LogSubject): LogScreen {
  return {
    kind: 'logs',
    ...subject,
    buffer: new LogBuffer(),
    bottom: undefined,
    wrap: false,
    stamps: false,
    search: '',
    only: false,
    previous: false,
    sinceMinutes: undefined,
  };
}
