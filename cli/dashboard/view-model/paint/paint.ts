import { fit, textWidth } from '../../../output/table.js';
import { completions } from '../update/command-line.js';
import { placeColumns } from './columns.js';
import type { KeyHelp } from './help.js';
import { generalKeys, listKeys, logKeys } from './help.js';
import { homeLines } from './home.js';
import type { ListCache } from '../state/list-cache.js';
import { windowStart } from '../state/list-cache.js';
import { logLines } from './paint-logs.js';
import { headerLine } from './paint-header.js';
import { columnsOf, sortOf } from '../state/preferences.js';
import type { ListScreen, Screen, State, TextScreen } from '../state/model.js';
import { bodyRows, tooSmall, topScreen } from '../state/model.js';
import type { Line, Span } from './spans.js';
import { span } from './spans.js';
import { fitCell, sanitizeText } from './text.js';
import { topologyLines } from './topology.js';
import { textLines } from '../describe/text-lines.js';
import type { Column, RenderContext, Row } from '../state/view.js';
import { listViews } from '../views/all.js';
import type { ClusterState } from '../state/cluster-state.js';

/** Renders a frame: always `rows - 1` lines, so that the terminal never scrolls. */
export function paintFrame(
  state: State,
  look: RenderContext,
  listings: ListCache,
): readonly Line[] {
  const { size } = state;
  const height = Math.max(1, size.rows - 1);
  if (tooSmall(size)) {
    const text = `terminal is ${size.columns}x${size.rows}; enlarge it to at least 60x15`;
    return [[span(fitCell(text, size.columns), 'warn')]];
  }
  const screen = topScreen(state);
  const dialog = dialogLines(state, look);
  const room = bodyRows(size) - dialog.length;
  const body = bodyLines(screen, state, look, listings).slice(0, room);
  const filler = Array.from({ length: Math.max(0, room - body.length) }, (): Line => []);
  const lines = [
    headerLine(look, size.columns, state.paused),
    crumbLine(state, look, listings),
    ...body,
    ...filler,
    ...dialog,
    flashLine(state, look),
    hintLine(state),
  ];
  return lines.slice(0, height).map((line) => clipped(line, size.columns));
}

/** Clips a line to the width of the terminal. */
function clipped(line: Line, columns: number): Line {
  const out: Span[] = [];
  let room = columns;
  for (const { text, style } of line) {
    if (room <= 0) break;
    const width = textWidth(text);
    out.push({ text: width <= room ? text : fit(text, room), style });
    room -= width;
  }
  return out;
}

function bodyLines(
  screen: Screen,
  state: State,
  look: RenderContext,
  listings: ListCache,
): readonly Line[] {
  const { columns } = state.size;
  const rows = bodyRows(state.size);
  switch (screen.kind) {
    case 'home':
      return homeLines(look, columns, rows, screen.pane);
    case 'list':
      return listLines(screen, state, look, listings);
    case 'text':
      return plainLines(screen, look, rows);
    case 'topology':
      return topologyLines(screen, look, columns, rows);
    case 'logs':
      return logLines(screen, columns, rows);
  }
}

function listLines(
  screen: ListScreen,
  state: State,
  look: RenderContext,
  listings: ListCache,
): readonly Line[] {
  const listing = listings.of(screen, look);
  const { view, rows, cursor } = listing;
  const width = state.size.columns - 3;
  const columns = columnsOf(view, look);
  const sort = sortOf(screen, look);
  const placed = placeColumns(columns, width, screen.wide).map(({ key, width: room }) => ({
    column: columns.find((column) => column.key === key),
    width: room,
  }));
  const { arrowUp, arrowDown } = look.glyphs;
  const head = placed.map(({ column, width: room }) => {
    const sorted = column?.key === sort.column;
    const arrow = sorted ? (sort.descending ? arrowDown : arrowUp) : '';
    return span(`${fitCell(`${column?.title ?? ''}${arrow}`, room, column?.right)} `, 'title');
  });
  const height = bodyRows(state.size) - 1;
  const start = windowStart(cursor, rows.length, height);
  const shown = rows.slice(start, start + height).map((row, at) =>
    rowLine(row, placed, look, {
      selected: start + at === cursor,
      marked: screen.marks.has(row.id),
    }),
  );
  const empty: Line[] =
    rows.length === 0 ? [[span(`  ${emptyText(screen, listing.total)}`, 'dim')]] : [];
  return [[span('  '), ...head], ...shown, ...empty];
}

function emptyText({ filter, problems }: ListScreen, total: number): string {
  if (total === 0) return 'no objects';
  if (problems && filter === '') return `none of ${total} has a problem (! shows all)`;
  return `none of ${total} matches /${sanitizeText(filter)} (esc clears)`;
}

interface PlacedCell {
  readonly column: Column<unknown> | undefined;
  readonly width: number;
}

function rowLine(
  row: Row,
  placed: readonly PlacedCell[],
  look: RenderContext,
  { selected, marked }: { readonly selected: boolean; readonly marked: boolean },
): Line {
  const sign = `${marked ? '+' : ' '}${selected ? '>' : ' '}`;
  const cells = placed.map(({ column, width }) => {
    const text = sanitizeText(column?.text(row.item, look) ?? '');
    const style = column?.style?.(row.item, look) ?? 'plain';
    return span(`${fitCell(text, width, column?.right)} `, style);
  });
  if (selected) {
    const text = cells.map((item) => item.text).join('');
    return [span(sign, 'selected'), span(text, 'selected')];
  }
  if (!marked) return [span(sign), ...cells];
  return [span(sign, 'marked'), ...cells.map(({ text }) => span(text, 'marked'))];
}

function plainLines(
  { source, top }: TextScreen,
  look: RenderContext,
  rows: number,
): readonly Line[] {
  const lines = textLines(source, look);
  const start = Math.min(top, Math.max(0, lines.length - rows));
  return lines.slice(start, start + rows).map((line) => {
    const isTitle = /^\S.*[^:]:?$/u.test(line) && /^[A-Z][\w ()]*:?$/u.test(line);
    return [span(sanitizeText(line), isTitle ? 'title' : 'plain')];
  });
}

/** The breadcrumb: the open screens, and the filters of the topmost one. */
function crumbLine(state: State, look: RenderContext, listings: ListCache): Line {
  const names = state.stack.slice(-4).map((screen) => crumbOf(screen, look));
  const trail = names.join(` ${look.glyphs.separator} `);
  const screen = topScreen(state);
  if (screen.kind !== 'list') return [span(` ${trail}`, 'bold')];
  const { rows, total, problem } = listings.of(screen, look);
  const count = rows.length === total ? `${total}` : `${rows.length} of ${total}`;
  const notes = [
    screen.filter === '' ? '' : `/${sanitizeText(screen.filter)}`,
    problem ?? '',
    screen.problems ? '!problems' : '',
    screen.scope.history === true ? 'with history' : '',
    screen.marks.size > 0 ? `${screen.marks.size} marked` : '',
  ].filter((note) => note !== '');
  return [
    span(` ${trail} `, 'bold'),
    span(`(${count}) `, 'accent'),
    span(notes.join('  '), problem === undefined ? 'warn' : 'bad'),
  ];
}

function crumbOf(screen: Screen, { world }: RenderContext): string {
  switch (screen.kind) {
    case 'home':
      return 'overview';
    case 'topology':
      return 'topology';
    case 'logs':
      return `log of ${sanitizeText(screen.title)}`;
    case 'text':
      return screen.source.kind === 'output'
        ? sanitizeText(screen.source.title)
        : screen.source.kind;
    case 'list':
      return listCrumb(screen, world);
  }
}

function listCrumb({ view, scope }: ListScreen, world: ClusterState): string {
  const of = [
    scope.project,
    world.services.get(scope.serviceId ?? '')?.spec.service,
    world.nodes.get(scope.nodeId ?? '')?.spec.name,
    world.networks.get(scope.networkId ?? '')?.spec.name,
    scope.image,
  ].find((name) => name !== undefined);
  const title = listViews[view].title.toLowerCase();
  return of === undefined ? title : `${title} of ${sanitizeText(of)}`;
}

function dialogLines(state: State, look: RenderContext): readonly Line[] {
  const { mode } = state;
  const { cursor } = look.glyphs;
  switch (mode.kind) {
    case 'browse':
      return [];
    case 'filter':
      return [[span('/', 'accent'), span(sanitizeText(mode.text)), span(cursor, 'accent')]];
    case 'command':
      return [
        [span(completions(mode.text, look).join('  '), 'dim')],
        [span(':', 'accent'), span(sanitizeText(mode.text)), span(cursor, 'accent')],
      ];
    case 'confirm': {
      const { title, effect, confirm } = mode.action;
      const ask: Line =
        typeof confirm === 'object'
          ? [
              span(
                `type ${sanitizeText(confirm.word)} and enter to confirm, esc to cancel: `,
                'warn',
              ),
              span(`${sanitizeText(mode.typed)}${cursor}`, 'bold'),
            ]
          : [span('y to confirm, any other key to cancel', 'warn')];
      return [
        [span(`${sanitizeText(title)}?`, 'bad')],
        ...effect.slice(0, 6).map((line): Line => [span(`  ${sanitizeText(line)}`)]),
        ask,
      ];
    }
  }
}

function flashLine({ flash }: State, { now }: RenderContext): Line {
  if (flash === undefined || flash.until <= now) return [];
  return [span(` ${sanitizeText(flash.text)}`, flash.tone)];
}

/** Key hints for the current screen, as many as fit; `?` shows all. */
function hintLine(state: State): Line {
  const screen = topScreen(state);
  const own = screen.kind === 'list' ? listKeys : screen.kind === 'logs' ? logKeys : [];
  const keys: readonly KeyHelp[] = [...generalKeys, ...own];
  const spans: Span[] = [];
  let used = 0;
  for (const { keys: name, does } of keys) {
    const [short = ''] = does.split(/[:,;]/u);
    const width = name.length + short.length + 3;
    if (used + width > state.size.columns) break;
    used += width;
    spans.push(span(` ${name}`, 'accent'), span(` ${short} `, 'dim'));
  }
  return spans;
}
