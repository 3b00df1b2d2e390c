import type { NewTask, TaskChange } from '../../../manager/orchestrator/task-change.js';

/** One line per change, in the given order. */
export function describeTaskChanges(changes: readonly TaskChange[]): string {
  return changes.map(describeChange).join('\n');
}

function describeChange(change: TaskChange): string {
  return `${describeAction(change)}: ${change.cause}`;
}

function describeAction(change: TaskChange): string {
  switch (change.kind) {
    case 'create':
      return describeNew(change.task);
    case 'desire':
      return `slot ${change.slot}: ${change.taskId} to ${change.desired}`;
    case 'delete':
      return `slot ${change.slot}: forget ${change.taskId}${change.fence ? ', fence' : ''}`;
    case 'explain':
      return `slot ${change.slot}: ${change.taskId} ${change.summary === undefined ? 'explanation cleared' : 'explained'}`;
    case 'hold':
      return `slot ${change.slot}: ${change.taskId} waits for quota`;
    case 'admit':
      return `slot ${change.slot}: ${change.taskId} admitted`;
    case 'dependencies-met':
      return 'dependencies met';
    case 'update-status':
      return `${change.status.kind} ${change.status.state}`;
    case 'roll-back':
      return 'roll back to the previous spec';
    case 'remove-service':
      return 'remove the service';
    case 'wait':
      return `wait until ${change.until}`;
  }
}

function describeNew(task: NewTask): string {
  const parts = [`slot ${task.slot}: new task, ${task.desired}`];
  if (task.nodeId !== undefined) parts.push(`on ${task.nodeId}`);
  if (task.adopts !== undefined) parts.push(`adopts ${task.adopts.id}`);
  if (task.overQuota !== undefined) parts.push(`over quota (${task.overQuota.summary})`);
  if (task.notBefore !== undefined) parts.push(`not before ${task.notBefore}`);
  return parts.join(', ');
}
