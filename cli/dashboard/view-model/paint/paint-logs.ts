import { filterLogLines, compileSearch } from '../state/logs.js';
import type { BufferedLine } from '../state/logs.js';
import type { LogScreen } from '../state/model.js';
import type { Line } from './spans.js';
import { serviceStyle, span } from './spans.js';
import { fitCell, wrapText } from './text.js';

/** A status line, then the visible log lines with the newest at the bottom. */
export function logLines(screen: LogScreen, columns: number, rows: number): readonly Line[] {
  const lines = filterLogLines(screen.buffer, screen);
  const bottom = Math.min(screen.bottom ?? lines.length - 1, lines.length - 1);
  const found = compileSearch(screen.search);
  const widest = lines
    .slice(Math.max(0, bottom - rows), bottom + 1)
    .reduce((width, { source }) => Math.max(width, source.length), 0);
  const names = Math.min(widest, Math.max(12, Math.floor(columns / 4)));
  const painted: Line[] = [];
  for (let at = bottom; at >= 0 && painted.length < rows - 1; at -= 1) {
    const line = lines[at];
    if (line === undefined) break;
    painted.unshift(...paintLine(line, screen, { columns, names, found }));
  }
  return [statusLine(screen, lines.length), ...painted.slice(-(rows - 1))];
}

function statusLine({ buffer, ...screen }: LogScreen, shown: number): Line {
  const parts = [
    screen.bottom === undefined ? 'following' : `line ${screen.bottom + 1} of ${shown}`,
    screen.sinceMinutes === undefined ? 'tail' : `last ${screen.sinceMinutes} min`,
    screen.search === '' ? '' : `/${screen.search}${screen.only ? ' only' : ''}`,
    screen.wrap ? 'wrap' : '',
    screen.previous ? 'previous tasks only' : '',
  ].filter((part) => part !== '');
  const { dropped } = buffer;
  return [
    span(` ${parts.join('  ')}  `, 'dim'),
    ...(dropped > 0 ? [span(`${dropped} older lines dropped  `, 'warn')] : []),
    ...(buffer.state === 'reading'
      ? []
      : [span(`${buffer.state} ${buffer.message}`, buffer.state === 'lost' ? 'bad' : 'dim')]),
  ];
}

interface LogLook {
  readonly columns: number;
  readonly names: number;
  readonly found: ((text: string) => boolean) | undefined;
}

function paintLine(line: BufferedLine, screen: LogScreen, look: LogLook): readonly Line[] {
  const { columns, names, found } = look;
  const stamp = screen.stamps ? `${line.stamp} ` : '';
  const prefix = `${fitCell(line.source, names)} `;
  const room = Math.max(10, columns - names - 1 - stamp.length);
  const style = found?.(line.text) === true ? 'marked' : line.stderr ? 'warn' : 'plain';
  const pieces = screen.wrap ? wrapText(line.text, room) : [line.text];
  return pieces.map((piece, at) => [
    span(at === 0 ? prefix : ' '.repeat(names + 1), serviceStyle(line.source)),
    span(at === 0 ? stamp : ' '.repeat(stamp.length), 'dim'),
    span(piece, style),
  ]);
}
