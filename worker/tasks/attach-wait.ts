import type { AssignedTask } from '../../manager/common/protocol/assignments.js';
import type { LocalTaskState } from './local-state.js';

/** The wait of a container that starts only once a client has attached. */
export const attachWait = 'a client to attach';
export const attachLimitMs = 120_000;

/** Latest time of the attach that a container waits for; undefined if it waits for none. */
export function attachDeadline(
  { isAttached, attachWaitSince, startedAt }: LocalTaskState,
  task: AssignedTask,
  now: number,
): number | undefined {
  if (task.spec.container.startOnAttach !== true) return undefined;
  if (isAttached === true || startedAt !== undefined) return undefined;
  return (attachWaitSince ?? now) + attachLimitMs;
}
