import { describeObject } from './describe.js';
import { whyService, whyTask } from './why-lines.js';
import { helpLines } from '../paint/help.js';
import type { TextScreen, TextSource } from '../state/model.js';
import type { RenderContext } from '../state/view.js';
import type { ListName } from '../views/all.js';
import { listViews } from '../views/all.js';

/** The object as JSON, with environment values hidden because they may be secrets. */
function rawLines(view: ListName, id: string, look: RenderContext): readonly string[] | undefined {
  const row = listViews[view].rows(look, { history: true }).find((item) => item.id === id);
  if (row === undefined) return undefined;
  return JSON.stringify(row.item, withoutSecrets, 2).split('\n');
}

function withoutSecrets(key: string, value: unknown): unknown {
  if (key !== 'env' || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.keys(value).map((name) => [name, '(hidden)']));
}

export function textLines(source: TextSource, look: RenderContext): readonly string[] {
  const gone = ['this object no longer exists'];
  switch (source.kind) {
    case 'help':
      return helpLines(look.commands);
    case 'output':
      return source.lines;
    case 'raw':
      return rawLines(source.view, source.id, look) ?? gone;
    case 'describe':
      return describeObject(source.view, source.id, look) ?? gone;
    case 'why': {
      const task = look.world.tasks.get(source.id.split('/')[0] ?? '');
      if (task !== undefined) return whyTask(task, look);
      const service = look.world.services.get(source.id);
      if (service !== undefined) return whyService(service, look);
      return describeObject(source.view, source.id, look) ?? gone;
    }
  }
}

export function scrolledText(
  screen: TextScreen,
  name: string,
  page: number,
  look: RenderContext,
): TextScreen {
  const last = Math.max(0, textLines(screen.source, look).length - page);
  const moves: Readonly<Record<string, number>> = {
    up: -1,
    k: -1,
    down: 1,
    j: 1,
    pageUp: -page,
    'ctrl-b': -page,
    pageDown: page,
    'ctrl-f': page,
    ' ': page,
    home: -Infinity,
    g: -Infinity,
    end: Infinity,
    G: Infinity,
  };
  const move = moves[name];
  if (move === undefined) return screen;
  return { ...screen, top: Math.min(last, Math.max(0, screen.top + move)) };
}
