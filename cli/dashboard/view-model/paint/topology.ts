import type { Task } from '../../../../manager/common/model/task.js';
import type { Node } from '../../../../manager/common/model/node.js';
import { barText, stateMarkOf, nodeStateName, shareStyle, taskStateName } from './glyphs.js';
import type { TopologyScreen } from '../state/model.js';
import type { Line, Span } from './spans.js';
import { serviceStyle, span } from './spans.js';
import { fitCell, sanitizeText } from './text.js';
import type { RenderContext } from '../state/view.js';

/**
 * A machine with its tasks; `node` is undefined in the last column, for tasks without a machine.
 */
export interface TopologyColumn {
  readonly node: Node | undefined;
  readonly tasks: readonly Task[];
}

const minColumn = 16;
const maxColumn = 30;

export function topologyColumns({ world }: RenderContext): readonly TopologyColumn[] {
  return world.memo('topology', () => {
    const nodes = [...world.nodes.values()].sort((a, b) =>
      a.spec.name.localeCompare(b.spec.name, 'en', { numeric: true }),
    );
    const byName = (a: Task, b: Task): number =>
      a.containerName.localeCompare(b.containerName, 'en', { numeric: true });
    const tasks = [...world.currentTasks()].sort(byName);
    const byNode = new Map<string, Task[]>();
    for (const task of tasks) {
      const list = byNode.get(task.nodeId ?? '') ?? [];
      list.push(task);
      byNode.set(task.nodeId ?? '', list);
    }
    const columns = nodes.map((node) => ({ node, tasks: byNode.get(node.id) ?? [] }));
    const unplaced = byNode.get('') ?? [];
    return unplaced.length === 0 ? columns : [...columns, { node: undefined, tasks: unplaced }];
  });
}

/** Column and row of the selected task, or of the first task if none is selected. */
export function topologyCursor(
  screen: TopologyScreen,
  columns: readonly TopologyColumn[],
): { readonly column: number; readonly row: number } {
  for (const [column, { tasks }] of columns.entries()) {
    const row = tasks.findIndex(({ id }) => id === screen.selected);
    if (row >= 0) return { column, row };
  }
  return {
    column: Math.max(
      0,
      columns.findIndex(({ tasks }) => tasks.length > 0),
    ),
    row: 0,
  };
}

/** Moves the selection by `dx` columns and `dy` rows; skips empty columns. */
export function topologyMove(
  screen: TopologyScreen,
  columns: readonly TopologyColumn[],
  dx: number,
  dy: number,
): TopologyScreen {
  const from = topologyCursor(screen, columns);
  let { column } = from;
  if (dx !== 0) {
    let next = column + dx;
    while (next >= 0 && next < columns.length && columns[next]?.tasks.length === 0) next += dx;
    if (next >= 0 && next < columns.length) column = next;
  }
  const tasks = columns[column]?.tasks ?? [];
  const row = Math.min(Math.max(0, from.row + dy), Math.max(0, tasks.length - 1));
  return { ...screen, selected: tasks[row]?.id };
}

export function topologyLines(
  screen: TopologyScreen,
  look: RenderContext,
  columns: number,
  rows: number,
): readonly Line[] {
  const all = topologyColumns(look);
  const fitting = Math.max(1, Math.floor(columns / minColumn));
  const shown = Math.min(all.length, fitting);
  const width = Math.min(maxColumn, Math.max(minColumn, Math.floor(columns / Math.max(1, shown))));
  const cursor = topologyCursor(screen, all);
  const left = Math.min(Math.max(0, cursor.column - Math.floor(shown / 2)), all.length - shown);
  const visible = all.slice(left, left + shown);
  const height = rows - 3;
  const top = Math.max(0, cursor.row - height + 1);
  const lines: Line[] = [
    visible.flatMap((column) => nodeCell(column, look, width)),
    visible.flatMap((column) => loadCell(column, look, width)),
  ];
  for (let row = top; row < top + height; row += 1) {
    lines.push(
      visible.flatMap((column, at) =>
        taskCell(column.tasks[row], look, width, left + at === cursor.column && row === cursor.row),
      ),
    );
  }
  const hidden = all.length - shown;
  lines.push([
    span(
      hidden > 0
        ? `machines ${left + 1}-${left + shown} of ${all.length}: scroll with the arrow keys`
        : 'colour: service   glyph: state',
      'dim',
    ),
  ]);
  return lines;
}

function nodeCell(
  { node, tasks }: TopologyColumn,
  { glyphs }: RenderContext,
  width: number,
): readonly Span[] {
  if (node === undefined) return [span(fitCell(`(no machine) ${tasks.length}`, width), 'warn')];
  const { glyph, style } = stateMarkOf(nodeStateName(node), glyphs);
  return [
    span(`${glyph} `, style),
    span(fitCell(`${sanitizeText(node.spec.name)} ${tasks.length}`, width - 2), 'bold'),
  ];
}

function loadCell(
  { node }: TopologyColumn,
  { world, glyphs }: RenderContext,
  width: number,
): readonly Span[] {
  if (node === undefined) return [span(' '.repeat(width))];
  if (node.status.state !== 'ready') return [span(fitCell(node.status.state, width), 'bad')];
  const use = world.nodeUse.get(node.id);
  if (use === undefined) return [span(' '.repeat(width))];
  const share = use.cpuPercent / 100;
  const text = `${barText(share, 6, glyphs)} ${use.cpuPercent.toFixed(0)}%`;
  return [span(fitCell(text, width), shareStyle(share))];
}

function taskCell(
  task: Task | undefined,
  { world, glyphs }: RenderContext,
  width: number,
  selected: boolean,
): readonly Span[] {
  if (task === undefined) return [span(' '.repeat(width))];
  const { glyph, style } = stateMarkOf(taskStateName(task, world.nodeOf(task)), glyphs);
  const name = fitCell(`${sanitizeText(task.service)}-${task.slot}`, width - 3);
  return [
    span(`${glyph} `, style),
    span(name, selected ? 'selected' : serviceStyle(`${task.project}/${task.service}`)),
    span(' '),
  ];
}
