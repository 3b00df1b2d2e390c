import type { ContainerState } from '../../common/model/container-state.js';
import { containerState } from '../../common/model/container-state.js';
import type { PlacedContainer } from '../find-container.js';

/**
 * A container's state for clients of the Docker API, which has no unknown state. On a node that is
 * down it is `dead`: clients that wait for it, or depend on it, must not take it for running.
 */
export function shownState({ task, node }: PlacedContainer): ContainerState {
  const state = containerState(task);
  const isLost = node.status.state === 'down' && isActive(state);
  return isLost ? 'dead' : state;
}

/** Whether `docker ps` shows containers of this state without `--all`. */
export function isActive(state: ContainerState): boolean {
  return ['running', 'paused', 'restarting'].includes(state);
}
