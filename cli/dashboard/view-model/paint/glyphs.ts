import type { Node } from '../../../../manager/common/model/node.js';
import type { Task } from '../../../../manager/common/model/task.js';
import { containerState } from '../../../../manager/common/model/container-state.js';
import type { Style } from './spans.js';

/** A state as glyph, word and style, so that it never depends on colour alone. */
export interface StateMark {
  readonly glyph: string;
  readonly word: string;
  readonly style: Style;
}

/** Drawing characters, with an ASCII set for terminals and fonts without Unicode symbols. */
export interface Glyphs {
  readonly ascii: boolean;
  readonly spark: readonly string[];
  readonly bar: readonly [full: string, empty: string];
  readonly arrowUp: string;
  readonly arrowDown: string;
  readonly separator: string;
  readonly cursor: string;
}

export const unicodeGlyphs: Glyphs = {
  ascii: false,
  spark: [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
  bar: ['█', '░'],
  arrowUp: '↑',
  arrowDown: '↓',
  separator: '›',
  cursor: '█',
};

export const asciiGlyphs: Glyphs = {
  ascii: true,
  spark: [' ', '.', '.', ':', ':', '-', '=', '+', '#'],
  bar: ['#', '.'],
  arrowUp: '^',
  arrowDown: 'v',
  separator: '>',
  cursor: '_',
};

const marks: Readonly<Record<string, readonly [unicode: string, ascii: string, style: Style]>> = {
  running: ['●', '*', 'good'],
  healthy: ['●', '*', 'good'],
  unhealthy: ['●', '!', 'bad'],
  starting: ['◐', 'o', 'warn'],
  created: ['◐', 'o', 'warn'],
  pending: ['○', '.', 'warn'],
  paused: ['‖', '=', 'warn'],
  restarting: ['↻', '~', 'bad'],
  removing: ['◌', '-', 'dim'],
  exited: ['■', '-', 'dim'],
  complete: ['■', '-', 'good'],
  stopped: ['■', '-', 'dim'],
  failed: ['✗', 'x', 'bad'],
  rejected: ['✗', 'x', 'bad'],
  orphaned: ['✗', 'x', 'bad'],
  dead: ['✗', 'x', 'bad'],
  unknown: ['?', '?', 'warn'],
  lost: ['✗', 'x', 'bad'],
  ready: ['●', '*', 'good'],
  down: ['✗', 'x', 'bad'],
  drained: ['◌', '-', 'warn'],
  updating: ['◐', 'o', 'warn'],
  rollback: ['◑', '<', 'warn'],
  stuck: ['✗', 'x', 'bad'],
  partial: ['◐', 'o', 'warn'],
};

/** The mark of a state; an unknown one gets `?`. */
export function stateMarkOf(word: string, glyphs: Glyphs): StateMark {
  const [unicode, ascii, style] = marks[word] ?? ['?', '?', 'warn'];
  return { glyph: glyphs.ascii ? ascii : unicode, word, style };
}

/** The state of a task as a key of `marks`, with health and the state of its node. */
export function taskStateName(task: Task, node: Node | undefined): string {
  const { state, health } = task.status;
  if (state === 'failed' || state === 'rejected' || state === 'orphaned') return state;
  if (state === 'complete') return 'complete';
  const container = containerState(task);
  const isUp = container === 'running' || container === 'restarting' || container === 'paused';
  if (isUp && node !== undefined && node.status.state !== 'ready') {
    return node.status.state === 'down' ? 'lost' : 'unknown';
  }
  return container === 'running' ? (health ?? 'running') : container;
}

/** The state of a node as a key of `marks`, with its availability. */
export function nodeStateName(node: Node): string {
  if (node.status.state !== 'ready') return node.status.state;
  if (node.spec.availability === 'drain') return 'drained';
  return node.spec.availability === 'pause' ? 'paused' : 'ready';
}

/** The last values as bars, newest at the right; a full bar is `max`, or the highest value. */
export function sparkline(
  values: readonly number[],
  width: number,
  glyphs: Glyphs,
  max?: number,
): string {
  const shown = values.slice(-width);
  const top = max ?? Math.max(1, ...shown);
  const { spark } = glyphs;
  const bars = shown.map((value) => {
    if (value <= 0) return spark[0];
    const step = Math.ceil((Math.min(value, top) / top) * (spark.length - 1));
    return spark[Math.max(1, step)];
  });
  return bars.join('').padStart(width);
}

/** A bar such as `███░░`; `share` is 0 to 1. */
export function barText(share: number, width: number, glyphs: Glyphs): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return glyphs.bar[0].repeat(full) + glyphs.bar[1].repeat(width - full);
}

/** The style of a load: good below 70 %, bad from 90 %. */
export function shareStyle(share: number): Style {
  if (share >= 0.9) return 'bad';
  return share >= 0.7 ? 'warn' : 'good';
}
