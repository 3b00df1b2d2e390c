import type { State, Transition, TopologyScreen } from '../state/model.js';
import { pushScreen, replaceTopScreen } from '../state/model.js';
import { logScreen, taskLog } from './log-screen.js';
import { topologyColumns, topologyCursor, topologyMove } from '../paint/topology.js';
import type { RenderContext } from '../state/view.js';

const stay = (state: State): Transition => ({ state, effects: [] });

/** Handles a key on the topology. */
export function onTopology(
  state: State,
  screen: TopologyScreen,
  name: string,
  look: RenderContext,
): Transition {
  const columns = topologyColumns(look);
  const cursor = topologyCursor(screen, columns);
  const task = columns[cursor.column]?.tasks[cursor.row];
  const steps: Readonly<Record<string, readonly [number, number]>> = {
    left: [-1, 0],
    h: [-1, 0],
    right: [1, 0],
    l: [1, 0],
    up: [0, -1],
    k: [0, -1],
    down: [0, 1],
    j: [0, 1],
  };
  const step = steps[name];
  if (step !== undefined) {
    return stay(replaceTopScreen(state, topologyMove(screen, columns, step[0], step[1])));
  }
  if (task === undefined) return stay(state);
  if (name === 'd' || name === 'w') {
    const kind = name === 'd' ? 'describe' : 'why';
    return stay(
      pushScreen(state, { kind: 'text', source: { kind, view: 'tasks', id: task.id }, top: 0 }),
    );
  }
  if (name === 's' && !state.readOnly) {
    return { state, effects: [{ kind: 'shell', taskId: task.id }] };
  }
  if (name === 'enter') {
    const opening = logScreen(taskLog(task));
    return { state: pushScreen(state, opening), effects: [{ kind: 'openLogs', screen: opening }] };
  }
  return stay(state);
}
